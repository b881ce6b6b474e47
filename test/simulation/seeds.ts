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
  /** The first run of the range that broke a property. The range ends with it. */
  readonly violation: SimulationResult | undefined;
}

export default function runSeeds({ from, count, servers, steps }: SeedRange): SeedRangeResult {
  let operations = 0;
  for (let run = 0; run < count; run += 1) {
    const result = simulate({ seed: from + run, servers, steps, trace: undefined });
    operations += result.operations;
    if (result.violation !== undefined) return { runs: run + 1, operations, violation: result };
  }
  return { runs: count, operations, violation: undefined };
}
