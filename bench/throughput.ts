/**
 * The throughput benchmark: every operation at every depth, round after round, and what came out of it.
 */

import { GeneratorProcess } from './load/generator-process.js';
import type { Keyspace, Latency, Operation, RoundLimit, RoundResult, Workload } from './load/workload.js';
import { median } from './statistics.js';
import { openTarget, type TargetChoice } from './target.js';

export interface ThroughputOptions {
  readonly target: TargetChoice;
  readonly connections: number;
  readonly depths: readonly number[];
  readonly operations: readonly Operation[];
  readonly keyspace: Keyspace;
  readonly limit: RoundLimit;
  readonly rounds: number;
}

/** All that was measured of one operation at one depth. */
export interface Series {
  readonly operation: Operation;
  readonly depth: number;
  readonly rounds: readonly RoundResult[];
}

/** A series in one line of a table. */
export interface Summary {
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

const FILL_DEPTH = 64;

/** Rounds that are run, those for warming up included: what {@link OnProgress} counts up to. */
export function countRounds({ operations, depths, rounds }: ThroughputOptions): number {
  return operations.length * depths.length * (rounds + 1);
}

/**
 * Opens the target, writes every key once, warms up, and measures. The operations and depths take turns, so that a
 * slow minute of the machine falls on all of them.
 */
export async function measureThroughput(
  options: ThroughputOptions,
  onProgress: OnProgress = () => undefined,
): Promise<Series[]> {
  const target = await openTarget(options.target);
  const generator = new GeneratorProcess();
  try {
    await generator.run(fillOf(options, target.port));
    return await measureRounds(options, target.port, generator, onProgress);
  } finally {
    await generator.close();
    await target.close();
  }
}

export function summarize({ operation, depth, rounds }: Series): Summary {
  const rates = rounds.map(({ requestsPerSecond }) => requestsPerSecond);
  const medianLatencyUs = (name: keyof Latency) => median(rounds.map(({ latencyUs }) => latencyUs[name]));
  return {
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
  port: number,
  generator: GeneratorProcess,
  onProgress: OnProgress,
): Promise<Series[]> {
  const { connections, keyspace, limit } = options;
  const cases = options.operations.flatMap((operation) =>
    options.depths.map((depth) => ({ operation, depth, rounds: [] as RoundResult[] })),
  );
  let done = 0;
  // Round 0 warms up: the program compiles its hot paths, and the operating system its connections.
  for (let round = 0; round <= options.rounds; round += 1)
    for (const { operation, depth, rounds } of cases) {
      const label = `${operation} P=${depth} ${round === 0 ? 'warm-up' : `round ${round}`}`;
      const workload = { port, connections, depth, operation, keyspace, limit };
      const result = await generator.run(workload, (part) => onProgress(done + part, label));
      if (round > 0) rounds.push(result);
      done += 1;
      onProgress(done, label);
    }
  return cases;
}

function fillOf({ connections, keyspace }: ThroughputOptions, port: number): Workload {
  const limit: RoundLimit = { type: 'requests', requests: keyspace.keys };
  return { port, connections, depth: FILL_DEPTH, operation: 'set', keyspace, limit };
}

function sumOf(counts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const [what, count] of counts.flatMap((each) => Object.entries(each)))
    sum[what] = (sum[what] ?? 0) + count;
  return sum;
}
