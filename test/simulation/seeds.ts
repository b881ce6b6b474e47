/** Runs a range of seeds: a task of the pool that spreads them over the cores. */

import { type SimulationResult, simulate } from './simulation.js';

export interface SeedRange {
  readonly from: number;
  readonly count: number;
  readonly servers: number | undefined;
  readonly steps: number;
}

export interface SeedRangeResult {
  readonly runs: number;
  readonly operations: number;
  /** Events of all runs. */
  readonly steps: number;
  /** Runs whose history was too much work to judge. */
  readonly unjudged: number;
  /** The first run of the range that broke a property. The range ends with it. */
  readonly violation: SimulationResult | undefined;
}

export default async function runSeeds({ from, count, servers, steps }: SeedRange): Promise<SeedRangeResult> {
  const sum = { runs: 0, operations: 0, steps: 0, unjudged: 0 };
  for (let seed = from; seed < from + count; seed += 1) {
    const result = await simulate({ seed, servers, steps, without: [], trace: undefined });
    sum.runs += 1;
    sum.operations += result.operations;
    sum.steps += result.steps;
    if (!result.isJudged) sum.unjudged += 1;
    if (result.violation !== undefined) return { ...sum, violation: result };
  }
  return { ...sum, violation: undefined };
}
