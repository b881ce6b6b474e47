/**
 * The throughput benchmark: every case, round after round, and what came out of it.
 */

import { cpuUsOf } from '../support/process-cpu.js';
import { type Spread, spreadOf } from '../support/statistics.js';
import { type Case, countRounds, type Group, planOf, type Site, type ThroughputOptions } from './cases.js';
import { LoadError } from './load/connection.js';
import { GeneratorProcess } from './load/generator-process.js';
import type { Latency, RoundLimit, RoundResult, Workload } from './load/workload.js';
import type { Target } from './target.js';

/** All that was measured of one case. */
export interface Series extends Case {
  readonly rounds: readonly RoundResult[];
}

/** A series in one line of a table. */
export interface Summary extends Case {
  readonly requestsPerSecond: Spread;
  /** Of the rounds' percentiles. */
  readonly latencyUs: Readonly<Record<'p50' | 'p99' | 'p999', Spread>>;
  readonly generatorCpu: Spread;
  /** Of the whole program, for a request. */
  readonly programCpuUs?: Spread;
  /** Wrong replies of all rounds, by what they were. Empty when the figures can be trusted. */
  readonly errors: Readonly<Record<string, number>>;
}

export interface Progress {
  /** Rounds, with a fraction for the current one. */
  readonly done: number;
  readonly total: number;
  readonly label: string;
}

const FILL_ATTEMPTS = 3;
const FILL_CONNECTIONS = 16;
const FILL_DEPTH = 64;
/** Of one connection at once, unless a single value is longer. */
const FILL_BURST_BYTES = 256 * 1024;

/** Starts what is needed, writes every key once, warms up, and measures, in the order that the plan says. */
export async function measureThroughput(
  options: ThroughputOptions,
  onProgress: (progress: Progress) => void = () => undefined,
): Promise<Series[]> {
  const plan = planOf(options);
  const measurement = new Measurement(options.limit, (done, label) =>
    onProgress({ done, total: countRounds(plan), label }),
  );
  try {
    for (let visit = 0; visit < plan.visits; visit += 1)
      for (const group of plan.groups) await measurement.visit(group, plan.roundsPerVisit);
  } finally {
    await measurement.close();
  }
  return plan.cases.map((conditions) => ({ ...conditions, rounds: measurement.roundsOf(conditions) }));
}

export function summarize({ rounds, ...conditions }: Series): Summary {
  const latencyUs = (name: keyof Latency) => spreadOf(rounds.map((round) => round.latencyUs[name]));
  return {
    ...conditions,
    requestsPerSecond: spreadOf(rounds.map(({ requestsPerSecond }) => requestsPerSecond)),
    latencyUs: { p50: latencyUs('p50'), p99: latencyUs('p99'), p999: latencyUs('p999') },
    generatorCpu: spreadOf(rounds.map(({ generatorCpu }) => generatorCpu)),
    ...cpuOf(rounds.flatMap(({ programCpuUs }) => programCpuUs ?? [])),
    errors: sumOf(rounds.map(({ errors }) => errors)),
  };
}

function cpuOf(costs: readonly number[]): Pick<Summary, 'programCpuUs'> {
  return costs.length === 0 ? {} : { programCpuUs: spreadOf(costs) };
}

class Measurement {
  readonly #limit: RoundLimit;
  readonly #onProgress: (done: number, label: string) => void;
  readonly #generator = new GeneratorProcess();
  readonly #rounds = new Map<Case, RoundResult[]>();
  #done = 0;

  constructor(limit: RoundLimit, onProgress: (done: number, label: string) => void) {
    this.#limit = limit;
    this.#onProgress = onProgress;
  }

  roundsOf(conditions: Case): readonly RoundResult[] {
    return this.#rounds.get(conditions) ?? [];
  }

  async close(): Promise<void> {
    await this.#generator.close();
  }

  async visit({ sites, cases }: Group, rounds: number): Promise<void> {
    const targets = new Map<Site, Target>();
    try {
      for (const site of sites) targets.set(site, await this.#open(site));
      // Round 0 warms up: the program compiles its hot paths, and the operating system its connections.
      for (let round = 0; round <= rounds; round += 1)
        for (const { site, conditions } of cases) {
          const target = targets.get(site);
          if (target !== undefined) await this.#measure(conditions, target, round === 0);
        }
    } finally {
      await closeAll([...targets.values()]);
    }
  }

  async #open(site: Site): Promise<Target> {
    this.#onProgress(this.#done, `${site.system} starts`);
    const target = await site.open();
    try {
      await this.#fill(site, target);
      return target;
    } catch (error) {
      await target.close();
      throw error;
    }
  }

  /** More than once if need be: a leader may lose its office meanwhile. */
  async #fill(site: Site, target: Target): Promise<void> {
    const label = `${site.system}: ${site.keyspace.keys} keys are written`;
    for (let attempt = 1; attempt <= FILL_ATTEMPTS; attempt += 1) {
      const workload = { ...fillOf(site, await target.port()), ca: target.ca };
      const { errors } = await this.#generator.run(workload, () => this.#onProgress(this.#done, label));
      if (Object.keys(errors).length === 0) return;
    }
    throw new LoadError(`${site.system} did not take every key in ${FILL_ATTEMPTS} attempts`);
  }

  async #measure(conditions: Case, target: Target, isWarmUp: boolean): Promise<void> {
    const { system, operation, depth } = conditions;
    const label = `${system} ${operation} P=${depth}${isWarmUp ? ' warm-up' : ''}`;
    const workload = { ...workloadOf(conditions, await target.port(), this.#limit), ca: target.ca };
    const beforeUs = await cpuUsOf(target.pid);
    const measured = await this.#generator.run(workload, (part) =>
      this.#onProgress(this.#done + part, label),
    );
    const afterUs = await cpuUsOf(target.pid);
    const programCpuUs =
      beforeUs === undefined || afterUs === undefined ? undefined : (afterUs - beforeUs) / measured.requests;
    const result = programCpuUs === undefined ? measured : { ...measured, programCpuUs };
    if (!isWarmUp) this.#rounds.set(conditions, [...this.roundsOf(conditions), result]);
    this.#done += 1;
    this.#onProgress(this.#done, label);
  }
}

function workloadOf({ keys, valueBytes, ...conditions }: Case, port: number, limit: RoundLimit): Workload {
  const { protocol, operation, connections, depth } = conditions;
  return { port, protocol, operation, connections, depth, keyspace: { keys, valueBytes }, limit };
}

function fillOf({ protocols: [protocol = 'text'], keyspace }: Site, port: number): Workload {
  const depth = Math.min(FILL_DEPTH, Math.max(1, Math.floor(FILL_BURST_BYTES / keyspace.valueBytes)));
  const limit: RoundLimit = { type: 'requests', requests: keyspace.keys };
  return { port, protocol, connections: FILL_CONNECTIONS, depth, operation: 'set', keyspace, limit };
}

/** Closes all of them, whatever becomes of the others; rejects with the first failure. */
async function closeAll(targets: readonly Target[]): Promise<void> {
  const closed = await Promise.allSettled(targets.map((target) => target.close()));
  for (const outcome of closed) if (outcome.status === 'rejected') throw outcome.reason;
}

function sumOf(counts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const [what, count] of counts.flatMap((each) => Object.entries(each)))
    sum[what] = (sum[what] ?? 0) + count;
  return sum;
}
