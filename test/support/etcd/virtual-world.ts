import type { Environment } from '../../../src/environment.js';

const START_MS = 1_700_000_000_000;

/** Virtual time: timers are called in their order as soon as nothing else is to be done. */
export class VirtualWorld implements Environment {
  readonly process = {
    pid: 1,
    memoryUsage: () => ({ heapUsed: 0, rss: 0 }),
    cpuUsage: () => ({ user: 0, system: 0 }),
  };
  #nowMs = 0;
  #state: number;
  readonly #timers = new Set<{ readonly atMs: number; readonly callback: () => void }>();

  constructor(seed: number) {
    this.#state = Math.imul(seed, 0x9e3779b1) | 1;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  wallClockMs(): number {
    return START_MS + this.#nowMs;
  }

  random(): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) / 2 ** 32;
  }

  startTimer(callback: () => void, delayMs: number) {
    const timer = { atMs: this.#nowMs + delayMs, callback };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  atEndOfTurn(callback: () => void): void {
    this.startTimer(callback, 0);
  }

  afterCallback(callback: () => void): void {
    queueMicrotask(callback);
  }

  /** Goes on until `done` is. */
  async run(done: Promise<unknown>): Promise<void> {
    let isDone = false;
    const ended = done.finally(() => {
      isDone = true;
    });
    // It is awaited below.
    ended.catch(() => undefined);
    while (!isDone) {
      await new Promise((resolve) => setImmediate(resolve));
      const [first, ...others] = this.#timers;
      if (first === undefined) continue;
      const next = others.reduce((least, timer) => (timer.atMs < least.atMs ? timer : least), first);
      this.#timers.delete(next);
      this.#nowMs = next.atMs;
      next.callback();
    }
    await ended;
  }
}
