/**
 * What kind of run it is: how large, how bad its network and its disks, which faults strike and how often, and what its
 * clients are like. Drawn from the seed, and drawn to differ: a history that needs two rare things at once is found in
 * runs where the one is common (swarm testing, Groce et al. 2012).
 */

import type { ServerId } from '../../src/raft/types.js';
import type { Random } from '../../tools/support/random.js';

/** Everything that can be done to a cluster while it runs. */
export const FAULTS = [
  'crash',
  'outage',
  'blip',
  'cut some',
  'cut one way',
  'cut a pair',
  'partition',
  'fade',
  'heal',
  'stall',
  'transfer',
] as const;

export type Fault = (typeof FAULTS)[number];

/** When a leader is harmed more often than by chance: what it has just become or done is known to nobody else yet. */
export type Moment = 'elected' | 'committed' | 'offered leadership';

/** What happens to it then, before what it does next leaves it or after. */
export type Strike =
  | 'crash at once'
  | 'crash afterwards'
  | 'isolate at once'
  | 'isolate afterwards'
  | 'stall afterwards';

export interface Network {
  readonly lossRate: number;
  readonly duplicationRate: number;
  readonly maxDelayMs: number;
  /** How late the second copy of a message may come. */
  readonly maxDuplicateDelayMs: number;
  /** A server all of whose messages are slow, one way or both; undefined for none. */
  readonly slow:
    | { readonly server: ServerId; readonly inbound: boolean; readonly outbound: boolean }
    | undefined;
}

export interface Disk {
  readonly minMs: number;
  readonly maxMs: number;
}

export interface ClientTemper {
  readonly count: number;
  /** How many keys they share. */
  readonly keys: number;
  /** How long it may wait before it asks again. */
  readonly maxPauseMs: number;
  /** The share of reads among the operations of each, in turn. */
  readonly readRates: readonly number[];
  /** How often it asks any server rather than the one that it takes for the leader. */
  readonly wanderRate: number;
  /** How long it waits for the answer to a read; a write may take effect as long as it is unknown. */
  readonly readPatienceMs: number;
  readonly writePatienceMs: number;
}

export interface Temperament {
  readonly servers: number;
  readonly network: Network;
  /** Of each server. */
  readonly disks: readonly Disk[];
  /** How far clocks differ, as a share of their rate. */
  readonly drift: number;
  readonly hasLease: boolean;
  readonly heartbeatMs: number;
  readonly maxAppendBytes: number;
  readonly snapshotChunkBytes: number;
  /** Entries between two snapshots; infinite for none. */
  readonly snapshotEvery: number;
  readonly clients: ClientTemper;
  /** The mean pause between faults. */
  readonly faultPauseMs: number;
  /** How often another fault strikes at the same time. */
  readonly burstRate: number;
  /** How often the leader is the victim, and not just any server. */
  readonly leaderRate: number;
  readonly weights: Readonly<Record<Fault, number>>;
  /** How often a leader is harmed at such a moment. */
  readonly momentRates: Readonly<Record<Moment, number>>;
  /** A crashed server is started again within this time. */
  readonly maxDownMs: number;
}

/** Draws a temperament for a cluster of so many servers; their number is drawn too unless given. */
export function drawTemperament(
  random: Random,
  electionTimeoutMs: number,
  given: number | undefined,
): Temperament {
  const servers = given ?? random.of([1, 2, 3, 3, 3, 3, 4, 5, 5, 7]);
  // As in figure 8, hardly a leader lives long enough to replicate what it has.
  const isFragile = random.chance(0.3);
  return {
    servers,
    network: drawNetwork(random, electionTimeoutMs, servers),
    disks: drawDisks(random, servers),
    // Clocks that differ by up to 10 % leave a lease of 80 %; equal ones leave all of it.
    drift: random.chance(0.4) ? 0.1 : 0,
    hasLease: random.chance(0.8),
    heartbeatMs: random.of([0.1, 0.2, 0.33]) * electionTimeoutMs,
    maxAppendBytes: random.of([1, 1, 100, 1_000]),
    snapshotChunkBytes: random.of([200, 512, 4_096]),
    snapshotEvery: random.chance(0.6) ? 1 + random.below(random.of([5, 20, 45])) : Number.POSITIVE_INFINITY,
    clients: {
      count: isFragile ? 2 : random.of([1, 4, 8]),
      readRates: random.of([[1], [0.2, 0.6], [0, 1], [0, 0.5, 1]]),
      maxPauseMs: random.of([5, 20, 100, 300]),
      keys: random.of([1, 3]),
      wanderRate: random.of([0.05, 0.3, 0.8]),
      readPatienceMs: random.of([20, 60, 400]),
      writePatienceMs: random.of([60, 200, 400]),
    },
    faultPauseMs: isFragile ? 300 : random.of([5, 20, 60, 150, 300]),
    burstRate: random.of([0, 0.3, 0.6]),
    leaderRate: random.of([0, 0.3, 0.7]),
    weights: drawWeights(random),
    momentRates: {
      elected: isFragile ? random.between(0.2, 0.9) : 0,
      committed: isFragile ? random.between(0, 0.5) : 0,
      'offered leadership': random.between(0, 0.9),
    },
    maxDownMs: (isFragile ? 4 : random.of([0.2, 1, 4])) * electionTimeoutMs,
  };
}

function drawNetwork(random: Random, electionTimeoutMs: number, servers: number): Network {
  const way = random.below(3);
  return {
    lossRate: random.chance(0.5) ? random.between(0, 0.2) : 0,
    duplicationRate: random.chance(0.4) ? random.between(0, 0.4) : 0,
    maxDelayMs: random.chance(0.2) ? random.between(5, 0.8 * electionTimeoutMs) : random.between(1, 5),
    maxDuplicateDelayMs: random.of([0.1, 1, 3]) * electionTimeoutMs,
    slow: random.chance(0.3)
      ? { server: random.below(servers), inbound: way !== 0, outbound: way !== 1 }
      : undefined,
  };
}

function drawDisks(random: Random, servers: number): readonly Disk[] {
  const maxMs = random.of([1, 4, 4, 25]);
  const slow = random.chance(0.2) ? random.below(servers) : undefined;
  return Array.from({ length: servers }, (_, id) => ({ minMs: 0.1, maxMs: id === slow ? 60 : maxMs }));
}

/** Some faults do not occur at all, some often; what was cut always heals. */
function drawWeights(random: Random): Record<Fault, number> {
  const weight = () => (random.chance(0.6) ? 0 : random.next());
  return {
    crash: weight(),
    outage: random.chance(0.8) ? 0 : 0.5 * random.next(),
    blip: Math.max(weight(), weight()),
    'cut some': weight(),
    'cut one way': weight(),
    'cut a pair': weight(),
    partition: weight(),
    fade: weight(),
    heal: random.between(0.2, 1),
    stall: weight(),
    transfer: Math.max(weight(), weight()),
  };
}
