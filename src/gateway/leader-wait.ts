/**
 * How long the bytes of one connection have been waiting for a leader.
 */

import type { Environment, Timer } from '../environment.js';

/** Deadlines are rounded up to this fraction of the wait, so that there are never many of them. */
const DEADLINES_PER_WAIT = 16;

interface Deadline {
  readonly atMs: number;
  /** Whatever of the client's stream lies before this offset has waited long enough by then. */
  readonly streamOffset: number;
}

export class LeaderWait {
  readonly #environment: Environment;
  readonly #waitMs: number;
  readonly #onOver: (streamOffset: number) => void;
  #deadlines: Deadline[] = [];
  #timer: Timer | undefined;

  /** @param onOver gets the offset of the stream up to which the wait is over. */
  constructor(environment: Environment, waitMs: number, onOver: (streamOffset: number) => void) {
    this.#environment = environment;
    this.#waitMs = waitMs;
    this.#onOver = onOver;
  }

  /** Whether anything waits. */
  get pending(): boolean {
    return this.#deadlines.length > 0;
  }

  /** Everything up to the offset waits from now on, if it does not wait already. */
  begin(streamOffset: number): void {
    const last = this.#deadlines.at(-1);
    if (last !== undefined && last.streamOffset >= streamOffset) return;
    const grainMs = this.#waitMs / DEADLINES_PER_WAIT;
    const atMs = Math.ceil((this.#environment.nowMs() + this.#waitMs) / grainMs) * grainMs;
    if (last?.atMs === atMs) this.#deadlines.pop();
    this.#deadlines.push({ atMs, streamOffset });
    this.#timer ??= this.#startTimer(atMs);
  }

  /** There is a leader: nothing waits. */
  end(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#deadlines = [];
  }

  #startTimer(atMs: number): Timer {
    const delayMs = Math.max(0, atMs - this.#environment.nowMs());
    return this.#environment.startTimer(() => this.#expire(), delayMs);
  }

  #expire(): void {
    const now = this.#environment.nowMs();
    let over = 0;
    while (this.#deadlines[0] !== undefined && this.#deadlines[0].atMs <= now) {
      over = this.#deadlines[0].streamOffset;
      this.#deadlines.shift();
    }
    const next = this.#deadlines[0];
    this.#timer = next && this.#startTimer(next.atMs);
    if (over > 0) this.#onOver(over);
  }
}
