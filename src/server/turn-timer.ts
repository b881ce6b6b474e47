/** One timer for the earliest thing that a server has to do. A turn that comes too early does no harm, so no timer is put off. */

import type { Environment, Timer } from '../environment.js';
import type { ServerMetrics } from './server-metrics.js';

export class TurnTimer {
  readonly #environment: Environment;
  readonly #metrics: ServerMetrics;
  readonly #onTime: () => void;
  #timer: Timer | undefined;
  #atMs = Number.POSITIVE_INFINITY;

  /** @param onTime called when it is time; then there is no timer any more */
  constructor(environment: Environment, metrics: ServerMetrics, onTime: () => void) {
    this.#environment = environment;
    this.#metrics = metrics;
    this.#onTime = onTime;
  }

  /** Calls back by then, in ms of the environment's clock. */
  callBy(dueMs: number): void {
    if (this.#atMs <= dueMs) return;
    this.#timer?.cancel();
    this.#atMs = dueMs;
    this.#timer = this.#environment.startTimer(
      () => {
        this.#metrics.loopLag.observeMs(this.#environment.nowMs() - dueMs);
        this.#atMs = Number.POSITIVE_INFINITY;
        this.#onTime();
      },
      Math.max(0, dueMs - this.#environment.nowMs()),
    );
  }

  cancel(): void {
    this.#timer?.cancel();
  }
}
