/**
 * Counts of durations by size, in the buckets that Prometheus and the dashboard's percentiles are made from.
 */

import { DURATION_BOUNDS_S, type DurationCounts } from '../wire/measurements.js';

const MS_PER_S = 1000;

export class DurationHistogram {
  readonly #counts = new Float64Array(DURATION_BOUNDS_S.length + 1);
  #sumS = 0;

  /** Counts `count` durations of this length. One below 0, which clocks may claim, counts as 0. */
  observeMs(durationMs: number, count = 1): void {
    const durationS = Math.max(0, durationMs / MS_PER_S);
    let bucket = 0;
    while (durationS > (DURATION_BOUNDS_S[bucket] ?? Number.POSITIVE_INFINITY)) bucket += 1;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + count;
    this.#sumS += durationS * count;
  }

  read(): DurationCounts {
    return { counts: [...this.#counts], sumS: this.#sumS };
  }
}
