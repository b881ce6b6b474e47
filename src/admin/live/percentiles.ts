/** Percentiles of durations, from the difference between two readings of a histogram. */

import { DURATION_BOUNDS_S, type DurationCounts } from '../../wire/measurements.js';
import type { Percentiles } from './view.js';

const MS_PER_S = 1000;

/** Percentiles of what was counted between the two readings; null when that is nothing. */
export function percentilesMs(before: DurationCounts | undefined, after: DurationCounts): Percentiles | null {
  const counts = after.counts.map((count, bucket) => count - (before?.counts[bucket] ?? 0));
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total <= 0) return null;
  return { p50: quantileMs(counts, total * 0.5), p99: quantileMs(counts, total * 0.99) };
}

/** The duration of this rank, if durations are spread evenly within a bucket. */
function quantileMs(counts: readonly number[], rank: number): number {
  let below = 0;
  for (const [bucket, count] of counts.entries()) {
    if (below + count < rank || count === 0) {
      below += count;
      continue;
    }
    const lower = DURATION_BOUNDS_S[bucket - 1] ?? 0;
    const upper = DURATION_BOUNDS_S[bucket] ?? lower;
    return (lower + (upper - lower) * ((rank - below) / count)) * MS_PER_S;
  }
  return (DURATION_BOUNDS_S.at(-1) ?? 0) * MS_PER_S;
}
