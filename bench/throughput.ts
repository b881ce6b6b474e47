/**
 * The throughput benchmark: every operation at every depth, round after round, and what came out of it.
 */

import { LoadError } from './load/connection.js';
import type { Protocol } from './load/dialect.js';
import { GeneratorProcess } from './load/generator-process.js';
import type { Keyspace, Latency, Operation, RoundLimit, RoundResult } from './load/workload.js';
import { PEER_PROTOCOLS, type Peer, startPeer } from './peers.js';
import { median } from './statistics.js';
import { type Durability, openTarget, type Target, type TargetChoice } from './target.js';

export interface ThroughputOptions {
  readonly target: TargetChoice;
  /** What the target is spoken to with. */
  readonly protocol: Protocol;
  /** Measured besides, in turns. The target must be the program then. */
  readonly peers: readonly Peer[];
  readonly connections: number;
  readonly depths: readonly number[];
  readonly operations: readonly Operation[];
  readonly keyspace: Keyspace;
  readonly limit: RoundLimit;
  readonly rounds: number;
}

export type System = 'threadraft' | Peer;

/** All that was measured of one system's operation at one depth. */
export interface Series {
  readonly system: System;
  readonly operation: Operation;
  readonly depth: number;
  readonly rounds: readonly RoundResult[];
}

/** A series in one line of a table. */
export interface Summary {
  readonly system: System;
  readonly operation: Operation;
  readonly depth: number;
  readonly requestsPerSecond: { readonly median: number; readonly min: number; readonly max: number };
  /** Medians of the rounds' percentiles. */
  readonly latencyUs: Pick<Latency, 'p50' | 'p99' | 'p999'>;
  readonly generatorCpu: number;
  /** Wrong replies of all rounds, by what they were. Empty when the figures can be trusted. */
  readonly errors: Readonly<Record<string, number>>;
}

/** Called as the benchmark goes on; `done` counts rounds, with a fraction for the current one. */
export type OnProgress = (done: number, label: string) => void;

const FILL_ATTEMPTS = 3;
const FILL_DEPTH = 64;

/** Rounds that are run, those for warming up included: what {@link OnProgress} counts up to. */
export function countRounds({ operations, depths, rounds, peers }: ThroughputOptions): number {
  return operations.length * depths.length * (rounds + 1) * (peers.length + 1);
}

/**
 * Opens the target and its peers, writes every key once, warms up, and measures. The operations, depths and systems take
 * turns, so that a slow minute of the machine falls on all of them.
 */
export async function measureThroughput(
  options: ThroughputOptions,
  onProgress: OnProgress = () => undefined,
): Promise<Series[]> {
  const contestants: Contestant[] = [];
  const generator = new GeneratorProcess();
  try {
    const target = await openTarget(options.target);
    contestants.push({ system: 'threadraft', target, protocol: options.protocol });
    for (const peer of options.peers) {
      const started = await startPeer(peer, durabilityOf(options.target));
      contestants.push({ system: peer, target: started, protocol: PEER_PROTOCOLS[peer] });
    }
    for (const contestant of contestants) await fill(options, contestant, generator);
    return await measureRounds(options, contestants, generator, onProgress);
  } finally {
    await generator.close();
    for (const { target } of contestants) await target.close();
  }
}

/** A system that runs, and how it is spoken to. */
interface Contestant {
  readonly system: System;
  readonly target: Target;
  readonly protocol: Protocol;
}

function durabilityOf(target: TargetChoice): Durability {
  return target.type === 'program' ? target.durability : 'fsync';
}

export function summarize({ system, operation, depth, rounds }: Series): Summary {
  const rates = rounds.map(({ requestsPerSecond }) => requestsPerSecond);
  const medianLatencyUs = (name: keyof Latency) => median(rounds.map(({ latencyUs }) => latencyUs[name]));
  return {
    system,
    operation,
    depth,
    requestsPerSecond: { median: median(rates), min: Math.min(...rates), max: Math.max(...rates) },
    latencyUs: { p50: medianLatencyUs('p50'), p99: medianLatencyUs('p99'), p999: medianLatencyUs('p999') },
    generatorCpu: median(rounds.map(({ generatorCpu }) => generatorCpu)),
    errors: sumOf(rounds.map(({ errors }) => errors)),
  };
}

async function measureRounds(
  options: ThroughputOptions,
  contestants: readonly Contestant[],
  generator: GeneratorProcess,
  onProgress: OnProgress,
): Promise<Series[]> {
  const { connections, keyspace, limit } = options;
  const cases = options.operations.flatMap((operation) =>
    options.depths.flatMap((depth) =>
      contestants.map(({ system, target, protocol }) => ({
        target,
        series: { system, operation, depth, rounds: [] as RoundResult[] },
        load: { protocol, connections, depth, operation, keyspace, limit },
      })),
    ),
  );
  let done = 0;
  // Round 0 warms up: the program compiles its hot paths, and the operating system its connections.
  for (let round = 0; round <= options.rounds; round += 1)
    for (const { target, series, load } of cases) {
      const { system, operation, depth, rounds } = series;
      const label = `${system} ${operation} P=${depth} ${round === 0 ? 'warm-up' : `round ${round}`}`;
      const workload = { port: await target.port(), ...load };
      const result = await generator.run(workload, (part) => onProgress(done + part, label));
      if (round > 0) rounds.push(result);
      done += 1;
      onProgress(done, label);
    }
  return cases.map(({ series }) => series);
}

/** Writes every key; more than once if need be: a leader may lose its office meanwhile. */
async function fill(
  { connections, keyspace }: ThroughputOptions,
  { system, target, protocol }: Contestant,
  generator: GeneratorProcess,
): Promise<void> {
  const limit: RoundLimit = { type: 'requests', requests: keyspace.keys };
  const load = { protocol, connections, depth: FILL_DEPTH, operation: 'set', keyspace, limit } as const;
  for (let attempt = 1; attempt <= FILL_ATTEMPTS; attempt += 1) {
    const { errors } = await generator.run({ port: await target.port(), ...load });
    if (Object.keys(errors).length === 0) return;
  }
  throw new LoadError(`${system} did not take every key in ${FILL_ATTEMPTS} attempts`);
}

function sumOf(counts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const [what, count] of counts.flatMap((each) => Object.entries(each)))
    sum[what] = (sum[what] ?? 0) + count;
  return sum;
}
