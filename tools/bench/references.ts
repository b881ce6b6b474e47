/**
 * What other systems reach, to be printed beside our own figures.
 *
 * Measured on a 2-core machine with the load generator on the same machine. Unless a system's name says otherwise:
 * `redis-benchmark -t set,get -c 50 -d 64 -r 100000 -P <depth>`, which is this benchmark's own default load. Another
 * machine gives other figures: measure there before quoting a ratio.
 */

import type { Operation } from './load/workload.js';

export interface Reference {
  readonly name: string;
  /** Whether an acknowledged write was on the disk: figures compare only with the same guarantee. */
  readonly fsync: boolean;
  readonly figures: readonly ReferenceFigure[];
}

export interface ReferenceFigure {
  readonly operation: Operation;
  readonly depth: number;
  /** Where a range was measured, its upper end. */
  readonly requestsPerSecond: number;
}

/** The conditions of the figures, as a line below the table. */
export const REFERENCE_CONDITIONS =
  'Other systems: 2-core machine, redis-benchmark with 50 connections and 64-byte values; measured there, not here.';

/** The load of the figures. */
export const REFERENCE_LOAD = { connections: 50, valueBytes: 64 } as const;

export const REFERENCES: readonly Reference[] = [
  {
    name: 'Redis 7.0, one node, no disk',
    fsync: false,
    figures: [...at('set', { 1: 65_000, 16: 590_000 }), ...at('get', { 1: 79_000, 16: 690_000 })],
  },
  {
    name: 'Redis 7.0, one node, fsync on every write',
    fsync: true,
    figures: [...at('set', { 1: 45_000, 16: 232_000 }), ...at('get', { 1: 62_000, 16: 508_000 })],
  },
  {
    name: 'RedisRaft, three nodes, fsync',
    fsync: true,
    figures: [
      ...at('set', { 1: 12_600, 16: 15_400, 64: 18_000 }),
      ...at('get', { 1: 27_000, 16: 61_000, 64: 61_000 }),
    ],
  },
  {
    name: 'RedisRaft, three nodes, no fsync',
    fsync: false,
    figures: [
      ...at('set', { 1: 22_700, 16: 29_300, 64: 36_200 }),
      ...at('get', { 1: 27_500, 16: 60_000, 64: 66_000 }),
    ],
  },
  {
    name: 'etcd 3.4, three nodes, fsync (check perf --load=xl: 1 KiB, 1,000 clients)',
    fsync: true,
    figures: at('set', { 1: 4_000 }),
  },
  {
    name: 'sketch of this design, fsync, no elections',
    fsync: true,
    figures: [
      ...at('set', { 1: 19_000, 16: 100_000, 64: 165_000 }),
      ...at('get', { 1: 37_000, 16: 240_000, 64: 330_000 }),
    ],
  },
  {
    name: 'sketch of this design, no fsync, no elections',
    fsync: false,
    figures: [
      ...at('set', { 1: 37_000, 16: 136_000, 64: 202_000 }),
      ...at('get', { 1: 53_000, 16: 236_000, 64: 378_000 }),
    ],
  },
];

/** Failover of others, from SIGKILL of the leader to the first write accepted elsewhere. */
export const FAILOVER_REFERENCES = 'etcd 1.0 to 1.4 s, RedisRaft 1.1 to 1.8 s';

function at(operation: Operation, byDepth: Readonly<Record<number, number>>): ReferenceFigure[] {
  return Object.entries(byDepth).map(([depth, requestsPerSecond]) => ({
    operation,
    depth: Number(depth),
    requestsPerSecond,
  }));
}
