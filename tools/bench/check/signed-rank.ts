/**
 * What paired measurements say about a difference: Wilcoxon's signed rank test, turned into an interval.
 *
 * The estimate is that of Hodges and Lehmann, the median of the means of all pairs of values (Walsh averages). The interval
 * holds the differences that the test would not reject, by its exact distribution: an outlying round counts for its rank
 * alone, and nothing is assumed of the values but that they lie about their middle as often on either side.
 */

import { median } from '../../support/statistics.js';

export interface Estimate {
  readonly middle: number;
  readonly from: number;
  readonly to: number;
}

/**
 * The middle of the values, and between which bounds it lies unless chance did what it does in a part `alpha` of all cases.
 * Throws RangeError for fewer than {@link valuesNeeded} values.
 */
export function signedRankEstimate(values: readonly number[], alpha: number): Estimate {
  const count = values.length;
  if (count < valuesNeeded(alpha)) throw new RangeError(`${count} values are too few for ${alpha}`);
  const averages = walshAverages(values);
  const outside = ranksOutside(count, alpha / 2);
  const [from, to] = [averages[outside], averages[averages.length - 1 - outside]];
  if (from === undefined || to === undefined) throw new RangeError('there are no values');
  return { middle: median(averages), from, to };
}

/** With fewer values than this, even those that all agree could be chance in more than a part `alpha` of all cases. */
export function valuesNeeded(alpha: number): number {
  return Math.max(1, Math.ceil(Math.log2(2 / alpha)));
}

function walshAverages(values: readonly number[]): number[] {
  return values
    .flatMap((value, place) => values.slice(place).map((other) => (value + other) / 2))
    .sort((a, b) => a - b);
}

/**
 * How many of the lowest Walsh averages lie outside of the interval: the greatest sum that the positive ranks of `count`
 * values stay at or under with a probability of at most `tail`.
 */
function ranksOutside(count: number, tail: number): number {
  let probability = 0;
  for (const [sum, part] of rankSumDistribution(count).entries()) {
    probability += part;
    if (probability > tail) return sum - 1;
  }
  throw new RangeError(`${tail} is no probability of a tail`);
}

/** By sum of ranks, the probability that the positive ones of `count` values come to it when every sign is a coin's. */
function rankSumDistribution(count: number): number[] {
  let distribution = [1];
  for (let rank = 1; rank <= count; rank += 1) {
    const before = distribution;
    distribution = Array.from(
      { length: before.length + rank },
      (_, sum) => ((before[sum] ?? 0) + (before[sum - rank] ?? 0)) / 2,
    );
  }
  return distribution;
}
