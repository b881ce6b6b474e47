/** Servers that have no time for an entry, as if it were a lot of work: their state lags what is committed. */

import type { ServerId } from '../../../src/raft/types.js';
import type { Random } from '../../../tools/support/random.js';

/** How long an entry takes, in ms: mostly a turn or two. */
const DURATIONS_MS = [0.1, 0.1, 0.5, 0.5, 2, 8] as const;

export class ApplyPauses {
  /** From now on there is always time. */
  isOver = false;
  readonly #random: Random;
  readonly #rate: number;
  /** Until when each server is busy; in the past when it may begin with another entry. */
  readonly #untilMs = new Map<ServerId, number>();

  /** @param rate how often an entry takes longer than a turn */
  constructor(random: Random, rate: number) {
    this.#random = random;
    this.#rate = rate;
  }

  /** Whether the server has time to go on with its next entry now. */
  hasTime(id: ServerId, nowMs: number): boolean {
    if (this.#rate === 0 || this.isOver) return true;
    const untilMs = this.#untilMs.get(id);
    if (untilMs === undefined) {
      if (!this.#random.chance(this.#rate)) return true;
      this.#untilMs.set(id, nowMs + this.#random.of(DURATIONS_MS));
      return false;
    }
    if (nowMs < untilMs) return false;
    this.#untilMs.delete(id);
    return true;
  }
}
