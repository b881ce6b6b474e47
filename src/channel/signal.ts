/** Tells whoever waits that something may have changed; they look again for themselves. */
export class Signal {
  #watcher: (() => void) | undefined;
  readonly #waiters = new Set<() => void>();

  /** Calls `watcher` at every change from now on; there is at most one. */
  watch(watcher: () => void): void {
    this.#watcher = watcher;
  }

  /** Calls `waiter` at the next change, once. Returns how to take that back. */
  once(waiter: () => void): () => void {
    this.#waiters.add(waiter);
    return () => this.#waiters.delete(waiter);
  }

  notify(): void {
    this.#watcher?.();
    if (this.#waiters.size === 0) return;
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const waiter of waiters) waiter();
  }

  /** Resolves at the next change, or after `timeoutMs` without one. */
  next(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = timeoutMs === Number.POSITIVE_INFINITY ? undefined : setTimeout(() => done(), timeoutMs);
      const forget = this.once(() => done());
      const done = () => {
        clearTimeout(timer);
        forget();
        resolve();
      };
    });
  }
}
