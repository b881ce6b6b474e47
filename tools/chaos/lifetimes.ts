/** Did keys with a TTL live as long as they were to? */

import type { Interval } from './health.js';
import type { HistoryLine } from './history-file.js';

/** Log time goes up to this much faster or slower than the clock of the history. */
const SLEW = 0.01;
/** For stamps in whole ms, and for a clock that is looked at now and then. */
const SLACK_NS = 20_000_000;

/**
 * One line for each read that found its key too late, or missed it too early. Each such key is written once, and read after that
 * by who wrote it.
 *
 * @param restarts when the program was killed and started again: meanwhile its time goes on as the wall clock shows it, and
 *   what lived then is passed over
 */
export function wrongLifetimes(lines: readonly HistoryLine[], restarts: readonly Interval[]): string[] {
  const written = new Map(
    lines.filter((line) => line.ttlMs !== null && line.outcome === 'ok').map((line) => [line.key, line]),
  );
  return lines.flatMap((read) => {
    const write = written.get(read.key);
    if (write === undefined || read.op !== 'get') return [];
    const wrong = wrongIn(write, read);
    const isExcused = restarts.some(
      ({ fromNs, untilNs }) => fromNs < (read.return ?? read.call) && untilNs > write.call,
    );
    return wrong === undefined || isExcused ? [] : [`${read.key}, to live ${write.ttlMs} ms, ${wrong}`];
  });
}

function wrongIn(write: HistoryLine, read: HistoryLine): string | undefined {
  if (read.return === null || write.return === null) return undefined;
  const ttlNs = (write.ttlMs ?? 0) * 1e6;
  const leastNs = ttlNs * (1 - SLEW) - SLACK_NS;
  const mostNs = ttlNs * (1 + SLEW) + SLACK_NS;
  if (read.outcome === 'ok' && read.call - write.return > mostNs)
    return `was found after ${milliseconds(read.call - write.return)} at least`;
  if (read.outcome === 'not-found' && read.return - write.call < leastNs)
    return `was gone after ${milliseconds(read.return - write.call)} at most`;
  return undefined;
}

function milliseconds(ns: number): string {
  return `${(ns / 1e6).toFixed(0)} ms`;
}
