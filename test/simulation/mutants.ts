/**
 * `npm run simulate:mutants [-- <part of a name>]`: would the simulator notice? Each mutant is the consensus core with
 * one deliberate bug, made in a copy of the built program; the simulator runs against it until a property breaks, or a test is
 * run that has to fail.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
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
/** What tests need of the built program. */
const TESTED = ['src', 'test', 'tools'];
const MOCHA = createRequire(import.meta.url).resolve('mocha/bin/mocha.js');

const [part = ''] = process.argv.slice(2);
const mutants = MUTANTS.filter(({ name }) => name.includes(part));
let caught = 0;
for (const [i, mutant] of mutants.entries()) {
  const copy = join(COPIES, `${i}`);
  const { foundBy } = mutant;
  const what = foundBy === undefined ? await simulated(mutant, copy) : await tested(mutant, foundBy, copy);
  if (what !== undefined) caught += 1;
  process.stdout.write(`${mutant.name.padEnd(62)} ${what ?? 'NOT CAUGHT'}\n`);
}
await rm(COPIES, { recursive: true, force: true });
process.stdout.write(`mutants: ${caught} of ${mutants.length} caught\n`);
process.exitCode = caught === mutants.length ? 0 : 1;

/** That a test fails with the bug which passes without it; undefined if it does not. */
async function tested(mutant: Mutant, test: string, copy: string): Promise<string | undefined> {
  await makeCopy([mutant], TESTED, copy);
  const passes = await hasPassed(join(BUILT, 'test', `${test}.test.js`));
  const fails = !(await hasPassed(join(copy, 'test', `${test}.test.js`)));
  return passes && fails ? `${test}.test` : undefined;
}

async function hasPassed(file: string): Promise<boolean> {
  const args = [MOCHA, '--no-config', '--timeout', '60000', '--bail', file];
  const child = spawn(process.execPath, args, { stdio: 'ignore' });
  const [code]: unknown[] = await once(child, 'exit');
  return code === 0;
}

/** How many seeds it took, and what broke; undefined if nothing did. */
async function simulated(mutant: Mutant, copy: string): Promise<string | undefined> {
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
          return `${violation.seed} seeds, ${violation.violation.property}`;
      }
    }
    return undefined;
  } finally {
    await pool.destroy();
  }
}
