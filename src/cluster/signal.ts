/** Lets code of the main thread wait until something about the cluster has changed. */

import type { Environment } from '../environment.js';
import { TimeoutError } from './cluster-errors.js';

/** What did not happen, for the error's message, and how long it may take. */
export interface Timeout {
  readonly what: string;
  readonly timeoutMs: number;
}

type SignalEnvironment = Pick<Environment, 'nowMs' | 'startTimer'>;

/** Wakes up those who wait for a change. They then check for themselves what has changed. */
export class Signal {
  readonly #environment: SignalEnvironment;
  readonly #waiters = new Set<() => void>();

  constructor(environment: SignalEnvironment) {
    this.#environment = environment;
  }

  notify(): void {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const waiter of waiters) waiter();
  }

  /** Resolves to what `look` finds first; it looks again after each change. Rejects with TimeoutError, or with what it throws. */
  async until<T>(look: () => T | undefined, { what, timeoutMs }: Timeout = FOREVER): Promise<T> {
    const giveUpAtMs = this.#environment.nowMs() + timeoutMs;
    while (true) {
      const found = look();
      if (found !== undefined) return found;
      const leftMs = giveUpAtMs - this.#environment.nowMs();
      if (leftMs <= 0) throw new TimeoutError(what, timeoutMs);
      await this.next(leftMs);
    }
  }

  /** Resolves at the next change, or after `timeoutMs` without one. */
  next(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer =
        timeoutMs === Number.POSITIVE_INFINITY
          ? undefined
          : this.#environment.startTimer(() => done(), timeoutMs);
      const done = () => {
        timer?.cancel();
        this.#waiters.delete(done);
        resolve();
      };
      this.#waiters.add(done);
    });
  }
}

const FOREVER: Timeout = { what: '', timeoutMs: Number.POSITIVE_INFINITY };
