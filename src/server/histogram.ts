/**
 * Counts of durations by size, in the buckets that Prometheus and the dashboard's percentiles are made from.
 */

/** The upper bounds of the buckets, in seconds; a last bucket takes what is longer than all of them. */
export const DURATION_BOUNDS_S: readonly number[] = [
  0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5,
];

/** A histogram as it travels between threads. */
export interface DurationCounts {
  /** How many durations fell into each bucket, and not into the one before: one more than there are bounds. */
  readonly counts: readonly number[];
  readonly sumS: number;
}

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
