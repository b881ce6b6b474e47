/**
 * `npm run chaos:mutants [-- <part of a name>]`: would chaos notice? Each mutant is the program with a deliberate bug; it
 * has to be found out in three runs.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BUILT, makeCopy } from '../support/mutant-copy.js';
import { MUTANTS, type Mutant } from './mutant-list.js';

const CHAOS = fileURLToPath(new URL('./main.js', import.meta.url));
const COPIES = join(BUILT, `chaos-mutants-${process.pid}`);
const RUNS = 3;
const SECONDS_PER_RUN = 60;

interface Caught {
  readonly run: number;
  /** The lines that tell. */
  readonly why: readonly string[];
}

const [part = ''] = process.argv.slice(2);
const mutants = MUTANTS.filter(({ name }) => name.includes(part));
let caughtCount = 0;
try {
  for (const [place, mutant] of mutants.entries()) {
    const caught = await hunt(mutant, join(COPIES, `${place}`));
    if (caught !== undefined) caughtCount += 1;
    process.stdout.write(
      caught === undefined
        ? `${mutant.name}: NOT CAUGHT in ${RUNS} runs\n`
        : `${mutant.name}: caught in run ${caught.run}\n${caught.why.map((line) => `  ${line}\n`).join('')}`,
    );
  }
} finally {
  await rm(COPIES, { recursive: true, force: true });
}
process.stdout.write(`mutants: ${caughtCount} of ${mutants.length} caught\n`);
process.exitCode = caughtCount === mutants.length ? 0 : 1;

async function hunt({ edits, args = [] }: Mutant, copy: string): Promise<Caught | undefined> {
  await makeCopy(edits, ['src', 'workers'], copy);
  // The program tells its version from there.
  await copyFile(join(BUILT, '../package.json'), join(copy, '../package.json'));
  for (let run = 1; run <= RUNS; run += 1) {
    const { exitCode, output } = await chaos(join(copy, 'src/main.cjs'), args);
    // Without a fault the program may not even have started.
    const hasRun = /^ +\d+ ms +\S/m.test(output);
    if (!hasRun || (exitCode !== 0 && exitCode !== 1))
      throw new Error(`chaos ended with exit code ${exitCode}: ${output}`);
    if (exitCode === 1) return { run, why: whatTells(output) };
  }
  return undefined;
}

async function chaos(
  program: string,
  args: readonly string[],
): Promise<{ exitCode: number | null; output: string }> {
  const child = spawn(
    process.execPath,
    [CHAOS, '--seconds', `${SECONDS_PER_RUN}`, '--program', program, '--discard', ...args],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  const [exitCode]: unknown[] = await once(child, 'close');
  return { exitCode: typeof exitCode === 'number' ? exitCode : null, output };
}

/** All that is said after the faults and the figures. */
function whatTells(output: string): string[] {
  return output
    .split('\n')
    .filter((line) => / no order|NOT linearizable|^chaos: |: [1-9]\d*$|^ {2}\S/.test(line))
    .map((line) => line.slice(0, 200));
}
