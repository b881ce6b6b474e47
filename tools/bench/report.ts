/**
 * The results as tables of plain text.
 */

import type { Case } from './cases.js';
import { DIMENSIONS, type Dimension, inWords, varies, whole } from './dimensions.js';
import { OPERATIONS, type Operation } from './load/workload.js';
import { REFERENCE_CONDITIONS, REFERENCE_LOAD, REFERENCES, type Reference } from './references.js';
import { table } from './table.js';
import type { Summary } from './throughput.js';

/** The columns that a table has only where its rows differ in them. */
const OPTIONAL_COLUMNS: Readonly<Record<Exclude<Dimension, 'depth'>, string>> = {
  servers: 'servers',
  durability: 'durability',
  transport: 'transport',
  protocol: 'protocol',
  connections: 'connections',
  keys: 'keys',
  valueBytes: 'value bytes',
};

/** The measured figures: a row for each case. */
export function throughputTable(summaries: readonly Summary[]): string {
  const columns = DIMENSIONS.flatMap((dimension) =>
    dimension !== 'depth' && varies(dimension, summaries) ? [dimension] : [],
  );
  const head = [
    ...['system', ...columns.map((dimension) => OPTIONAL_COLUMNS[dimension])],
    ...['operation', 'P', 'requests/s', 'min .. max'],
    ...['p50 µs', 'p99 µs', 'p99.9 µs', 'generator CPU', 'program CPU µs'],
  ];
  const rows = summaries.map((summary) => {
    const {
      system,
      operation,
      depth,
      requestsPerSecond: rate,
      latencyUs,
      generatorCpu,
      programCpuUs,
    } = summary;
    return [
      ...[system, ...columns.map((dimension) => cell(summary[dimension]))],
      ...[operation, `${depth}`, whole(rate.median), `${whole(rate.min)} .. ${whole(rate.max)}`],
      ...[latencyUs.p50, latencyUs.p99, latencyUs.p999].map(({ median }) => whole(median)),
      `${whole(generatorCpu.median * 100)} %`,
      programCpuUs === undefined ? '' : programCpuUs.median.toFixed(1),
    ];
  });
  return table([head, ...rows]);
}

/** What was measured in turns on this machine, as multiples of each peer. Empty when there was none. */
export function peerTable(summaries: readonly Summary[]): string {
  const peers = [...new Set(summaries.map(({ system }) => system))].filter((name) => name !== 'threadraft');
  if (peers.length === 0) return '';
  const own = summaries.filter(({ system }) => system === 'threadraft');
  const rows = own.map((summary) => [
    nameOf(summary, own),
    ...peers.map((peer) => {
      const other = summaries.find(({ system, ...rest }) => system === peer && isSameLoad(rest, summary));
      if (other === undefined) return '';
      return `${(summary.requestsPerSecond.median / other.requestsPerSecond.median).toFixed(2)}x`;
    }),
  ]);
  return table([['', ...peers.map((peer) => `of ${peer}`)], ...rows]);
}

/**
 * Other systems' figures with the same guarantee, and the measured ones as multiples of them. Empty when there is
 * nothing to compare with: no such figures, another load, a sweep, or systems that were measured themselves.
 */
export function comparisonTable(summaries: readonly Summary[]): string {
  const isOneSetting = DIMENSIONS.every(
    (dimension) => dimension === 'depth' || !varies(dimension, summaries),
  );
  const known = summaries.filter(isLoadOfReferences);
  if (!isOneSetting || known.length < summaries.length) return '';
  const tables = OPERATIONS.map((operation) =>
    comparisonOf(known.filter((summary) => summary.operation === operation)),
  ).filter((text) => text !== '');
  return tables.length === 0 ? '' : `${tables.join('\n\n')}\n${REFERENCE_CONDITIONS}`;
}

function isLoadOfReferences({ system, durability, connections, valueBytes }: Case): boolean {
  const { connections: theirConnections, valueBytes: theirValueBytes } = REFERENCE_LOAD;
  const isSame = connections === theirConnections && valueBytes === theirValueBytes;
  return system === 'threadraft' && durability !== undefined && isSame;
}

/** @param summaries of one operation, which differ in depth alone */
function comparisonOf(summaries: readonly Summary[]): string {
  const fsync = summaries.some(({ durability }) => durability === 'fsync');
  const references = REFERENCES.filter((reference) => reference.fsync === fsync);
  const known = summaries.filter((summary) =>
    references.some((reference) => figureOf(reference, summary) !== undefined),
  );
  const rows = references
    .filter((reference) => known.some((summary) => figureOf(reference, summary) !== undefined))
    .map((reference) => [
      reference.name,
      ...known.flatMap((summary) => {
        const figure = figureOf(reference, summary);
        if (figure === undefined) return ['', ''];
        return [whole(figure), `${(summary.requestsPerSecond.median / figure).toFixed(2)}x`];
      }),
    ]);
  if (rows.length === 0) return '';
  const head = ['', ...known.flatMap(({ operation, depth }) => [`${operation} P=${depth}`, 'ratio'])];
  const own = [
    'this run',
    ...known.flatMap(({ requestsPerSecond }) => [whole(requestsPerSecond.median), '']),
  ];
  return table([head, own, ...rows]);
}

/** One line for each series that got wrong replies; empty when there is none. */
export function errorLines(summaries: readonly Summary[]): string[] {
  return summaries
    .filter(({ errors }) => Object.keys(errors).length > 0)
    .map((summary) => {
      const counts = Object.entries(summary.errors).map(([what, count]) => `${count} x ${what}`);
      const others = summaries.filter(({ system }) => system === summary.system);
      return `FAILED ${summary.system} ${nameOf(summary, others)}: wrong replies: ${counts.join(', ')}`;
    });
}

/** Operation and depth, and what else the case differs in from others of its kind. */
function nameOf(conditions: Case, others: readonly Case[]): string {
  const differences = DIMENSIONS.filter((dimension) => dimension !== 'depth' && varies(dimension, others));
  return [
    `${conditions.operation} ${inWords('depth', conditions)}`,
    ...differences.map((dimension) => inWords(dimension, conditions)).filter((words) => words !== ''),
  ].join(', ');
}

/** Systems differ in their protocols, and in how many servers they are. */
function isSameLoad(one: Omit<Case, 'system'>, other: Omit<Case, 'system'>): boolean {
  return (
    one.operation === other.operation &&
    DIMENSIONS.every(
      (dimension) =>
        dimension === 'servers' || dimension === 'protocol' || one[dimension] === other[dimension],
    )
  );
}

function cell(value: number | string | undefined): string {
  return typeof value === 'number' ? whole(value) : (value ?? '');
}

function figureOf(
  reference: Reference,
  { operation, depth }: { readonly operation: Operation; readonly depth: number },
): number | undefined {
  return reference.figures.find((figure) => figure.operation === operation && figure.depth === depth)
    ?.requestsPerSecond;
}
