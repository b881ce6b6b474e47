/** What kind of client it is, drawn so that clients differ. */

import type { Random } from '../../../tools/support/random.js';

export interface ClientTemper {
  readonly protocol: 'text' | 'resp';
  /** Whether it comes through the router or to the servers' own ports. */
  readonly via: 'router' | 'servers';
  /** Commands that it sends before it has the replies to those before, and how many of them at once. */
  readonly depth: number;
  readonly burst: number;
  /** How long it may wait before it sends more. */
  readonly maxPauseMs: number;
  /** How long it waits for a reply before it goes away. */
  readonly timeoutMs: number;
  /** The share of reads among its commands. */
  readonly readRate: number;
  /** How often a value is large. */
  readonly largeRate: number;
  readonly largeBytes: number;
  /** How often it sends a write that is not answered, a malformed command, a transaction. */
  readonly silentRate: number;
  readonly malformedRate: number;
  readonly transactionRate: number;
  /** How often it sets, or looks at, a key with a TTL. */
  readonly fleetingRate: number;
  /** How often it sends a command of sundry-commands.ts. */
  readonly sundryRate: number;
  /** How often it sends what takes a server long. */
  readonly costlyRate: number;
  /** How often it ends its side, goes away, or stops reading for a while, when it could send. */
  readonly halfCloseRate: number;
  readonly vanishRate: number;
  readonly stopReadingRate: number;
  /** Whether it says READONLY, and goes from one server to another to read there. */
  readonly readsAtReplicas: boolean;
}

export function drawClientTemper(random: Random): ClientTemper {
  const rarely = (rate: number) => (random.chance(0.7) ? 0 : random.between(0, rate));
  return {
    protocol: random.of(['text', 'resp']),
    via: random.of(['router', 'router', 'servers']),
    depth: random.of([1, 1, 4, 16]),
    burst: Number.POSITIVE_INFINITY,
    maxPauseMs: random.of([2, 20, 100, 300]),
    timeoutMs: random.of([60, 400, 10_000]),
    readRate: random.of([0, 0.3, 0.6, 0.95]),
    largeRate: random.of([0, 0, 0.02, 0.1]),
    largeBytes: random.of([1_500, 1_500, 20_000, 70_000]),
    silentRate: random.of([0, 0, 0.1, 0.4]),
    malformedRate: rarely(0.1),
    transactionRate: random.of([0, 0.1, 0.4]),
    fleetingRate: random.of([0, 0, 0.1, 0.3]),
    sundryRate: random.of([0, 0, 0.05, 0.3]),
    costlyRate: rarely(0.05),
    halfCloseRate: rarely(0.05),
    vanishRate: rarely(0.05),
    stopReadingRate: rarely(0.1),
    readsAtReplicas: false,
  };
}

/** One that reads at any server, and hardly writes. */
export function drawReplicaReader(random: Random): ClientTemper {
  return {
    ...drawClientTemper(random),
    protocol: 'resp',
    via: 'servers',
    depth: random.of([4, 16]),
    burst: 1,
    maxPauseMs: random.of([1, 5]),
    readRate: random.of([0.9, 0.99]),
    transactionRate: 0,
    fleetingRate: random.of([0, 0.05]),
    sundryRate: random.of([0, 0.05]),
    costlyRate: 0,
    readsAtReplicas: true,
  };
}
