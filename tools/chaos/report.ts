/** What came out of a run: everything that was checked, in words. */

import { checkLinearizability } from '../linearizability/checker.js';
import { type LongTurn, MAIN_THREAD } from '../support/long-turns.js';
import {
  backInService,
  lengthOf,
  lengthWithout,
  longestGaps,
  lostOutcomes,
  MAX_GAP_NS,
  MAX_RECOVERY_NS,
  standstills,
} from './availability.js';
import type { ClientsReport } from './clients.js';
import { describeOperation, drawViolation } from './drawing.js';
import type { Fault } from './faults.js';
import { type FaultFigures, figuresByFault, type Spread, spreadOf } from './figures.js';
import type { Interval } from './health.js';
import { type HistoryLine, isAcknowledgedWrite, operationOf } from './history-file.js';
import type { LeaderWatch } from './leaders.js';
import { wrongLifetimes } from './lifetimes.js';
import { repeatedVersions } from './versions.js';

/** What was done and seen. */
export interface Run {
  /** When the run began, for times in the report. */
  readonly startNs: number;
  readonly lines: readonly HistoryLine[];
  readonly faults: readonly Fault[];
  /** When a majority was well and connected. */
  readonly intervals: readonly Interval[];
  /** From the end of all faults until every server was well again. */
  readonly recoveries: readonly Interval[];
  readonly leaders: Pick<LeaderWatch, 'terms' | 'conflicts'>;
  /** Between the servers' states at the end, one line each. */
  readonly differences: readonly string[];
  /** What the clients found wrong by themselves. */
  readonly told: ClientsReport;
  /** The program's long turns. */
  readonly turns: readonly LongTurn[];
}

export interface Verdict {
  /** Whether all checks passed. */
  readonly isRight: boolean;
  readonly report: readonly string[];
  /** An SVG for each key whose operations have no order. */
  readonly drawings: readonly string[];
  readonly lastLine: string;
}

const MAX_LINES = 5;

/**
 * No turn should take over MAX_TURN_MS, by the clock of an idle machine. Here code runs for the first time in threads that have
 * just been started, and all compete for the same caches.
 */
const MAX_CHAOS_TURN_MS = 50;

export function judge({
  startNs,
  lines,
  faults,
  intervals,
  recoveries,
  leaders,
  differences,
  told,
  turns,
}: Run): Verdict {
  const volatile = new Set(lines.flatMap(({ key, ttlMs }) => (ttlMs === null ? [] : [key])));
  const operations = lines.filter(({ key }) => !volatile.has(key)).flatMap((line) => operationOf(line) ?? []);
  const violations = checkLinearizability(operations);
  const repeated = repeatedVersions(lines);
  const gaps = longestGaps(lines, intervals);
  const stalls = standstills(lines);
  const tooLong = gaps.filter((gap) => lengthWithout(gap, stalls) > MAX_GAP_NS);
  const lost = lostOutcomes(lines, intervals, stalls).map(
    ({ client, op, key, value, call, lostAtNs = call }) =>
      `client ${client}: ${op} ${key} ${value ?? ''} after ${milliseconds(lostAtNs - call)}`,
  );
  const lifetimes = wrongLifetimes(
    lines,
    faults.filter(({ kind }) => kind === 'process'),
  );
  const back = backInService(lines, recoveries);
  const tooLate = back.filter((recovery) => lengthWithout(recovery, stalls) > MAX_RECOVERY_NS);
  const longest = [...turns].sort((a, b) => b.cpuMs - a.cpuMs);
  const tooLongTurns = longest.filter(({ cpuMs }) => cpuMs > MAX_CHAOS_TURN_MS);
  const isLinearizable = violations.length === 0;
  const report = [
    '',
    ...tableOfFigures(figuresByFault(lines, faults)),
    '',
    ...countsOf(lines),
    ...told.summary,
    finding('wrong to the clients themselves', told.findings),
    finding('servers that differ at the end', differences),
    finding('versions with two values', repeated),
    finding('outcomes that the router lost', lost),
    finding(`keys that lived too long or too short, of ${volatile.size} that expire`, lifetimes),
    finding(`terms with two leaders, of ${leaders.terms} seen`, leaders.conflicts),
    `back in service after all faults, ${back.length} times: ${spread(spreadOf(back.map((recovery) => lengthOf(recovery) / 1e6)))}`,
    finding(
      'later than after 10 s',
      tooLate.map(({ fromNs }) => `after ${milliseconds(fromNs - startNs)}`),
    ),
    `the clients stood still, for the machine was busy: ${stalls.length} times, ${milliseconds(stalls.reduce((sum, stall) => sum + lengthOf(stall), 0))}`,
    `longest time without an acknowledged write while a majority was well: ${gaps[0] === undefined ? 'none' : milliseconds(lengthOf(gaps[0]))}`,
    finding(
      'of more than 2 s',
      tooLong.map(
        ({ fromNs, untilNs }) => `${milliseconds(fromNs - startNs)} to ${milliseconds(untilNs - startNs)}`,
      ),
    ),
    `longest turn by a thread's CPU time: ${longestOf(longest, 'of the main thread', isOfMain)}, ${longestOf(longest, 'of servers', (turn) => !isOfMain(turn))}`,
    finding(
      `of more than ${MAX_CHAOS_TURN_MS} ms`,
      tooLongTurns.map(
        ({ thread, cpuMs, atMs }) => `${thread}: ${cpuMs.toFixed(0)} ms at ${new Date(atMs).toISOString()}`,
      ),
    ),
    ...violations.map(
      ({ key, isCertain, stuck }) =>
        `${key}: no order${isCertain ? '' : ' found in a long time'}; these cannot be next: ${stuck
          .slice(0, MAX_LINES)
          .map((operation) => `client ${operation.client} ${describeOperation(operation)}`)
          .join('; ')}`,
    ),
  ];
  return {
    isRight:
      isLinearizable &&
      [
        tooLong,
        tooLate,
        tooLongTurns,
        differences,
        repeated,
        lost,
        lifetimes,
        leaders.conflicts,
        told.findings,
      ].every((findings) => findings.length === 0),
    report,
    drawings: violations.map((violation) =>
      drawViolation(
        violation,
        operations.filter(({ key }) => key === violation.key),
      ),
    ),
    lastLine: `chaos: ${lines.length} ops, ${faults.length} faults, ${isLinearizable ? 'linearizable' : 'NOT linearizable'}`,
  };
}

function isOfMain({ thread }: LongTurn): boolean {
  return thread === MAIN_THREAD;
}

function longestOf(
  longest: readonly LongTurn[],
  whose: string,
  isTheirs: (turn: LongTurn) => boolean,
): string {
  const turn = longest.find(isTheirs);
  return turn === undefined ? `none ${whose} was long` : `${turn.cpuMs.toFixed(0)} ms ${whose}`;
}

function countsOf(lines: readonly HistoryLine[]): string[] {
  const count = (outcome: HistoryLine['outcome']) => lines.filter((line) => line.outcome === outcome).length;
  const answered = lines.filter(({ outcome }) => outcome !== 'unknown' && outcome !== 'failed').length;
  const latency = spreadOf(
    lines.flatMap((line) =>
      line.return === null || line.outcome === 'failed' ? [] : [(line.return - line.call) / 1e6],
    ),
  );
  return [
    `${answered} operations answered, ${count('failed')} turned down, ${count('unknown')} of unknown outcome; ${lines.filter(isAcknowledgedWrite).length} writes acknowledged`,
    `latency of all that were answered: ${spread(latency)}`,
  ];
}

function finding(what: string, found: readonly string[]): string {
  return [`${what}: ${found.length}`, ...found.slice(0, MAX_LINES)].join('\n  ');
}

function tableOfFigures(figures: readonly FaultFigures[]): string[] {
  const head = ['fault', 'times', 'first write after it', 'latency meanwhile'];
  const rows = figures.map(({ kind, count, firstWriteMs, latencyMs }) => [
    kind,
    `${count}`,
    spread(firstWriteMs),
    spread(latencyMs),
  ]);
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)));
  return [head, ...rows].map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

function spread(values: Spread | undefined): string {
  if (values === undefined) return 'none';
  return `p50 ${values.p50.toFixed(1)}, p99 ${values.p99.toFixed(1)}, worst ${values.worst.toFixed(1)} ms`;
}

function milliseconds(ns: number): string {
  return `${(ns / 1e6).toFixed(0)} ms`;
}
