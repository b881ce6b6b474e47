/** Was the cluster there for its clients whenever it should have been? */

import type { Interval } from './health.js';
import { type HistoryLine, isAcknowledgedWrite } from './history-file.js';

/** With a majority well and connected, writes are acknowledged at least this often. */
export const MAX_GAP_NS = 2_000_000_000;

/** All faults being undone, writes are acknowledged and all servers are well again after this long. */
export const MAX_RECOVERY_NS = 10_000_000_000;

/** At most this many are told. */
const MAX_GAPS = 20;

/** The times without an acknowledged write within the intervals, those that overlap another one left out, longest first. */
export function longestGaps(lines: readonly HistoryLine[], intervals: readonly Interval[]): Interval[] {
  const timesNs = lines
    .flatMap((line) => (isAcknowledgedWrite(line) && line.return !== null ? [line.return] : []))
    .sort((a, b) => a - b);
  const gaps = intervals
    .flatMap((interval) => gapsWithin(timesNs, interval))
    .sort((a, b) => lengthOf(b) - lengthOf(a));
  const apart: Interval[] = [];
  for (const gap of gaps) {
    if (apart.length === MAX_GAPS) break;
    if (!apart.some((other) => gap.fromNs < other.untilNs && gap.untilNs > other.fromNs)) apart.push(gap);
  }
  return apart;
}

/** The recoveries, each until a write was acknowledged, too, that was asked for after the end of all faults. */
export function backInService(
  lines: readonly HistoryLine[],
  recoveries: readonly Interval[],
): readonly Interval[] {
  const writes = lines.filter(isAcknowledgedWrite);
  return recoveries.map(({ fromNs, untilNs }) => {
    const returns = writes.flatMap((line) => (line.call >= fromNs ? [line.return ?? line.call] : []));
    const firstNs = returns.reduce((least, ns) => Math.min(least, ns), Number.POSITIVE_INFINITY);
    return { fromNs, untilNs: Math.max(untilNs, firstNs) };
  });
}

/** Before it has waited this long for a leader, the router tells nobody that an outcome is unknown. */
const ROUTER_PATIENCE_NS = 500_000_000;

/**
 * The outcomes that the router has told are unknown and should have known: it did not wait for the next leader, or there was one,
 * for a majority was well and connected all the time, and the clients did not stand still.
 */
export function lostOutcomes(
  lines: readonly HistoryLine[],
  intervals: readonly Interval[],
  stalls: readonly Interval[],
): readonly HistoryLine[] {
  return lines.filter(({ call, lostAtNs }) => {
    if (lostAtNs === undefined) return false;
    const wait = { fromNs: call, untilNs: lostAtNs };
    if (lengthOf(wait) < ROUTER_PATIENCE_NS) return true;
    const wasWell = intervals.some(({ fromNs, untilNs }) => fromNs <= call && lostAtNs <= untilNs);
    return wasWell && lengthWithout(wait, stalls) === lengthOf(wait);
  });
}

/** A client calls, or gives up and calls again, more often than this. */
const MAX_SILENCE_NS = 1_000_000_000;

/**
 * When no client at all called anything for long: their process, which has nothing to do with the program's, stood still, since the
 * machine was busy with other things. The cluster is not to be blamed for that time.
 */
export function standstills(lines: readonly HistoryLine[]): readonly Interval[] {
  const callsNs = lines.map(({ call }) => call).sort((a, b) => a - b);
  return callsNs
    .map((fromNs, place) => ({ fromNs, untilNs: callsNs[place + 1] ?? fromNs }))
    .filter((silence) => lengthOf(silence) > MAX_SILENCE_NS);
}

/** How much of the interval is in none of the others, which do not overlap. */
export function lengthWithout(interval: Interval, others: readonly Interval[]): number {
  const within = others.map(({ fromNs, untilNs }) =>
    Math.max(0, Math.min(untilNs, interval.untilNs) - Math.max(fromNs, interval.fromNs)),
  );
  return lengthOf(interval) - within.reduce((sum, ns) => sum + ns, 0);
}

export function lengthOf({ fromNs, untilNs }: Interval): number {
  return untilNs - fromNs;
}

function gapsWithin(timesNs: readonly number[], { fromNs, untilNs }: Interval): Interval[] {
  const inside = timesNs.slice(
    firstNotBelow(timesNs, fromNs, Number),
    firstNotBelow(timesNs, untilNs, Number),
  );
  const bounds = [fromNs, ...inside, untilNs];
  return bounds.slice(1).map((bound, place) => ({ fromNs: bounds[place] ?? fromNs, untilNs: bound }));
}

/** The index of the first whose number is not below the bound, among values in ascending order of it. */
export function firstNotBelow<T>(
  sorted: readonly T[],
  bound: number,
  numberOf: (value: T) => number,
): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const value = sorted[middle];
    if (value !== undefined && numberOf(value) < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}
