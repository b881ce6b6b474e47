/**
 * The results as tables of plain text.
 */

import type { Operation } from './load/workload.js';
import { REFERENCE_CONDITIONS, REFERENCES, type Reference } from './references.js';
import type { Summary } from './throughput.js';

/** The measured figures: a row for each system's operation and depth. */
export function throughputTable(summaries: readonly Summary[]): string {
  const head = [
    'system',
    'operation',
    'P',
    'requests/s',
    'min .. max',
    'p50 µs',
    'p99 µs',
    'p99.9 µs',
    'generator CPU',
  ];
  const rows = summaries.map(
    ({ system, operation, depth, requestsPerSecond: rate, latencyUs, generatorCpu }) => [
      system,
      operation,
      `${depth}`,
      whole(rate.median),
      `${whole(rate.min)} .. ${whole(rate.max)}`,
      whole(latencyUs.p50),
      whole(latencyUs.p99),
      whole(latencyUs.p999),
      `${whole(generatorCpu * 100)} %`,
    ],
  );
  return table([head, ...rows]);
}

/** What was measured in turns on this machine, as multiples of each peer. Empty when there was none. */
export function peerTable(summaries: readonly Summary[]): string {
  const peers = [...new Set(summaries.map(({ system }) => system))].filter((name) => name !== 'threadraft');
  if (peers.length === 0) return '';
  const rows = summaries
    .filter(({ system }) => system === 'threadraft')
    .map(({ operation, depth, requestsPerSecond: own }) => [
      `${operation} P=${depth}`,
      ...peers.map((peer) => {
        const other = summaries.find(
          (summary) => summary.system === peer && summary.operation === operation && summary.depth === depth,
        );
        return other === undefined ? '' : `${(own.median / other.requestsPerSecond.median).toFixed(2)}x`;
      }),
    ]);
  return table([['', ...peers.map((peer) => `of ${peer}`)], ...rows]);
}

/**
 * Other systems' figures with the same guarantee, and the measured ones as multiples of them. Empty when there is
 * nothing to compare with.
 */
export function comparisonTable(summaries: readonly Summary[], fsync: boolean): string {
  const known = summaries.filter((summary) =>
    REFERENCES.some((reference) => figureOf(reference, summary) !== undefined),
  );
  const comparable = REFERENCES.filter(
    (reference) =>
      reference.fsync === fsync && known.some((summary) => figureOf(reference, summary) !== undefined),
  );
  if (comparable.length === 0) return '';
  const head = ['', ...known.flatMap(({ operation, depth }) => [`${operation} P=${depth}`, 'ratio'])];
  const own = [
    'this run',
    ...known.flatMap(({ requestsPerSecond }) => [whole(requestsPerSecond.median), '']),
  ];
  const rows = comparable.map((reference) => [
    reference.name,
    ...known.flatMap((summary) => {
      const figure = figureOf(reference, summary);
      if (figure === undefined) return ['', ''];
      return [whole(figure), `${(summary.requestsPerSecond.median / figure).toFixed(2)}x`];
    }),
  ]);
  return `${table([head, own, ...rows])}\n${REFERENCE_CONDITIONS}`;
}

/** One line for each series that got wrong replies; empty when there is none. */
export function errorLines(summaries: readonly Summary[]): string[] {
  return summaries
    .filter(({ errors }) => Object.keys(errors).length > 0)
    .map(({ operation, depth, errors }) => {
      const counts = Object.entries(errors).map(([what, count]) => `${count} x ${what}`);
      return `FAILED ${operation} P=${depth}: wrong replies: ${counts.join(', ')}`;
    });
}

function figureOf(
  reference: Reference,
  { operation, depth }: { readonly operation: Operation; readonly depth: number },
): number | undefined {
  return reference.figures.find((figure) => figure.operation === operation && figure.depth === depth)
    ?.requestsPerSecond;
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** The first column left-aligned, the others right-aligned; the first row is the head. */
function table(rows: readonly (readonly string[])[]): string {
  const [head = []] = rows;
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
  const rule = widths.map((width) => '-'.repeat(width)).join('  ');
  return [lines[0], rule, ...lines.slice(1)].join('\n');
}
