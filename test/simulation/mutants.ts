/**
 * `npm run simulate:mutants [-- <part of a name>]`: would the simulator notice? Each mutant is the consensus core with
 * one deliberate bug, made in a copy of the built program; the simulator runs against it until a property breaks.
 */

import { rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Piscina } from 'piscina';
import { BUILT, makeCopy } from '../../tools/support/mutant-copy.js';
import type { Mutant } from './mutant.js';
import { MUTANTS, SIMULATOR } from './mutant-list.js';
import type { SeedRangeResult } from './seeds.js';

const COPIES = join(BUILT, `mutants-${process.pid}`);
const MAX_SEEDS = 400;
const SEEDS_PER_TASK = 5;
const STEPS = 4_000;

const [part = ''] = process.argv.slice(2);
const mutants = MUTANTS.filter(({ name }) => name.includes(part));
let caught = 0;
for (const [i, mutant] of mutants.entries()) {
  const found = await run(mutant, join(COPIES, `${i}`));
  if (found !== undefined) caught += 1;
  const what =
    found === undefined ? `NOT CAUGHT in ${MAX_SEEDS} seeds` : `${found.seeds} seeds, ${found.property}`;
  process.stdout.write(`${mutant.name.padEnd(62)} ${what}\n`);
}
await rm(COPIES, { recursive: true, force: true });
process.stdout.write(`mutants: ${caught} of ${mutants.length} caught\n`);
process.exitCode = caught === mutants.length ? 0 : 1;

/** How many seeds it took, and what broke; undefined if nothing did. */
async function run(
  mutant: Mutant,
  copy: string,
): Promise<{ readonly seeds: number; readonly property: string } | undefined> {
  await makeCopy([mutant], SIMULATOR, copy);
  const pool = new Piscina({
    filename: join(copy, 'test/simulation/seeds.js'),
    maxThreads: availableParallelism(),
  });
  try {
    for (let from = 1; from <= MAX_SEEDS; from += SEEDS_PER_TASK * pool.maxThreads) {
      const starts = Array.from({ length: pool.maxThreads }, (_, i) => from + i * SEEDS_PER_TASK);
      const results: SeedRangeResult[] = await Promise.all(
        starts.map((start) =>
          pool.run({ from: start, count: SEEDS_PER_TASK, servers: undefined, steps: STEPS }),
        ),
      );
      for (const { violation } of results) {
        if (violation?.violation !== undefined)
          return { seeds: violation.seed, property: violation.violation.property };
      }
    }
    return undefined;
  } finally {
    await pool.destroy();
  }
}
