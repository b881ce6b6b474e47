/** What `bench:check` compares: each row is one figure of one run of the program. */

import type { Operation } from '../load/workload.js';

export const ROWS = [
  ...(['set-1', 'set-16', 'set-64', 'get-1', 'get-16', 'get-64'] as const),
  ...(['failover', 'memory-ready', 'memory-load', 'ready'] as const),
] as const;

export type Row = (typeof ROWS)[number];

export const QUICK_ROWS: readonly Row[] = ['set-1', 'set-16', 'get-16', 'failover', 'memory-ready', 'ready'];

export interface RowKind {
  readonly description: string;
  readonly unit: 'requests/s' | 'ms' | 'MiB';
  readonly better: 'more' | 'less';
}

export const ROW_KINDS: Readonly<Record<Row, RowKind>> = {
  'set-1': throughput('sets of 64 B, depth 1'),
  'set-16': throughput('sets of 64 B, depth 16'),
  'set-64': throughput('sets of 64 B, depth 64'),
  'get-1': throughput('gets of 64 B, depth 1'),
  'get-16': throughput('gets of 64 B, depth 16'),
  'get-64': throughput('gets of 64 B, depth 64'),
  failover: { description: 'failover, median', unit: 'ms', better: 'less' },
  'memory-ready': { description: 'resident memory once ready', unit: 'MiB', better: 'less' },
  'memory-load': { description: 'resident memory after the load', unit: 'MiB', better: 'less' },
  ready: { description: 'from start to ready', unit: 'ms', better: 'less' },
};

/** The load whose throughput is a row. The requests take a second or so on two cores. */
export interface RowLoad {
  readonly row: Row;
  readonly operation: Operation;
  readonly depth: number;
  readonly requests: number;
}

export const ROW_LOADS: readonly RowLoad[] = [
  { row: 'set-1', operation: 'set', depth: 1, requests: 40_000 },
  { row: 'set-16', operation: 'set', depth: 16, requests: 250_000 },
  { row: 'set-64', operation: 'set', depth: 64, requests: 400_000 },
  { row: 'get-1', operation: 'get', depth: 1, requests: 80_000 },
  { row: 'get-16', operation: 'get', depth: 16, requests: 600_000 },
  { row: 'get-64', operation: 'get', depth: 64, requests: 1_000_000 },
];

/** The figures of one run. */
export type Figures = ReadonlyMap<Row, number>;

function throughput(description: string): RowKind {
  return { description, unit: 'requests/s', better: 'more' };
}
