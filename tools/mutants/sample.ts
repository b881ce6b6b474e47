/**
 * `npm run mutants:sample`: a few mutants, chosen by the commit's hash, each of which has to be caught. It is what CI can
 * afford of `simulate:mutants` and `chaos:mutants`.
 *
 * It knows of a folder of mutants only that `mutant-list.js` has their names and that `mutants.js`, started with a name, ends
 * with 0 if that one was caught.
 */

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Command, InvalidArgumentError, Option } from 'commander';
import { countOption, runTool } from '../support/arguments.js';
import { chooseByHash } from './choice.js';

interface Sample {
  readonly count: number;
  readonly folder: string;
}

interface Arguments {
  readonly hash?: string;
  readonly seconds: number;
}

const command = new Command('mutants:sample')
  .description(
    'Runs a few mutants, chosen by the commit’s hash. Ends with 1 unless each of them is caught in time.',
  )
  .argument('<count:folder...>', 'how many of which folder’s mutants', parseSample)
  .addOption(new Option('--hash <hash>', 'the commit, that which is checked out if not given'))
  .addOption(countOption('--seconds <count>', 'for all of them', 240));

await runTool(command, async () => {
  const { hash = checkedOut(), seconds } = command.opts<Arguments>();
  const samples: readonly Sample[] = command.processedArgs[0];
  process.stdout.write(`again: npm run mutants:sample -- --hash ${hash}\n`);
  const deadline = AbortSignal.timeout(seconds * 1_000);
  let missed = 0;
  for (const { count, folder } of samples)
    for (const name of chooseByHash(await namesIn(folder), count, hash))
      if (!(await isCaught(folder, name, deadline))) {
        missed += 1;
        process.stdout.write(`NOT CAUGHT${deadline.aborted ? ` in ${seconds} s` : ''}: ${name}\n`);
      }
  return missed === 0 ? 0 : 1;
});

/** `commander` calls it for each argument, with what the ones before came to. */
function parseSample(text: string, previous: readonly Sample[] | undefined): readonly Sample[] {
  const [, count, folder] = /^([1-9]\d?):(.+)$/.exec(text) ?? [];
  if (count === undefined || folder === undefined)
    throw new InvalidArgumentError('It must be a number and a folder, with a colon between them.');
  return [...(previous ?? []), { count: Number(count), folder: resolve(folder) }];
}

function checkedOut(): string {
  return execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' }).trim();
}

interface SampledMutant {
  readonly name: string;
  /** It takes longer to find than a sample may: the run of all mutants has it. */
  readonly isRare?: boolean;
}

async function namesIn(folder: string): Promise<string[]> {
  const { MUTANTS }: { readonly MUTANTS: readonly SampledMutant[] } = await import(
    pathToFileURL(join(folder, 'mutant-list.js')).href
  );
  return MUTANTS.filter(({ isRare }) => isRare !== true).map(({ name }) => name);
}

/** Runs one mutant, and ends it with all that it started at the deadline. */
async function isCaught(folder: string, name: string, deadline: AbortSignal): Promise<boolean> {
  if (deadline.aborted) return false;
  const child = spawn(process.execPath, [join(folder, 'mutants.js'), name], {
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: true,
  });
  const closed = once(child, 'close');
  const endGroup = () => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, endGroup);
  deadline.addEventListener('abort', endGroup);
  await closed;
  deadline.removeEventListener('abort', endGroup);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, endGroup);
  return child.exitCode === 0;
}
