/**
 * How long the turns of a server take, and what a long one did: nobody else is served meanwhile, and a leader that is not
 * heard for long is replaced.
 */

import type { TurnWork } from '../wire/control.js';
import type { ServerMetrics } from './server-metrics.js';

/** A turn costs two looks at the clock and a few subtractions, and allocates nothing. */
export class TurnMeter {
  readonly #metrics: ServerMetrics;
  #startedAtMs = 0;
  /** What the metrics said when the last turn ended. */
  #appliedUnits = 0;
  #walkedUnits = 0;
  #messages = 0;
  #clientBytes = 0;
  #lastUnits = 0;
  #longest: TurnWork = NO_TURN;

  constructor(metrics: ServerMetrics) {
    this.#metrics = metrics;
  }

  /** Units of work of the last turn. */
  get lastUnits(): number {
    return this.#lastUnits;
  }

  begin(nowMs: number): void {
    this.#startedAtMs = nowMs;
  }

  /** The turn is over, and its replies have left. */
  end(nowMs: number): void {
    this.#metrics.flushed(nowMs);
    const tookMs = nowMs - this.#startedAtMs;
    const { appliedUnits, walkedUnits, messagesReceived, clientBytes, turnDuration } = this.#metrics;
    turnDuration.observeMs(tookMs);
    this.#lastUnits = appliedUnits - this.#appliedUnits + walkedUnits - this.#walkedUnits;
    if (tookMs > this.#longest.tookMs) {
      this.#longest = {
        tookMs,
        appliedUnits: appliedUnits - this.#appliedUnits,
        walkedUnits: walkedUnits - this.#walkedUnits,
        messages: messagesReceived - this.#messages,
        clientBytes: clientBytes - this.#clientBytes,
      };
    }
    this.#appliedUnits = appliedUnits;
    this.#walkedUnits = walkedUnits;
    this.#messages = messagesReceived;
    this.#clientBytes = clientBytes;
  }

  /** The longest turn since the last call, and what it did. */
  takeLongest(): TurnWork {
    const longest = this.#longest;
    this.#longest = NO_TURN;
    return longest;
  }
}

const NO_TURN: TurnWork = { tookMs: 0, appliedUnits: 0, walkedUnits: 0, messages: 0, clientBytes: 0 };
