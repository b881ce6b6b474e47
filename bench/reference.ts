/**
 * What other systems did, to have something to compare with: measured with `redis-benchmark -t set,get -c 50 -d 64
 * -r 100000` on a 2-core machine, load generator on the same machine, in requests per second. Machines differ: only
 * figures of one machine and one hour say more than an order of magnitude.
 */

export interface Reference {
  readonly system: string;
  /** Requests per second by operation and pipeline depth. */
  readonly figures: Readonly<Record<'set' | 'get', Readonly<Record<number, number>>>>;
}

export const REFERENCES: readonly Reference[] = [
  {
    system: 'Redis 7.0, one node, fsync on every write',
    figures: { set: { 1: 45_000, 16: 232_000 }, get: { 1: 62_000, 16: 508_000 } },
  },
  {
    system: 'RedisRaft, three nodes, fsync',
    figures: { set: { 1: 12_600, 16: 15_400, 64: 18_000 }, get: { 1: 27_000, 16: 61_000, 64: 61_000 } },
  },
  {
    system: 'etcd 3.4, three nodes, fsync, 1 KiB values, 1,000 clients',
    figures: { set: { 1: 4_000 }, get: {} },
  },
];
