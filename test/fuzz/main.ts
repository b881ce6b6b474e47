/**
 * `npm run fuzz`: bytes that nobody would send, to every part of the program that takes bytes from outside.
 */

import { readFile, writeFile } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { Command, CommanderError } from 'commander';
import { countOption, runTool } from '../../tools/support/arguments.js';
import { readCorpus, writeCorpus } from './corpus.js';
import { runTarget } from './run.js';
import type { Target } from './target.js';
import { TARGETS } from './targets.js';
import type { FuzzReport } from './worker.js';

interface Arguments {
  readonly seconds: number;
  readonly inputs: number | undefined;
  readonly seed: number | undefined;
  readonly pick: string | undefined;
  readonly replay: string | undefined;
  readonly save: boolean;
}

/** By how much memory may grow while a target runs: what it keeps of the inputs of interest, and V8 of the code. */
const MAX_GROWN_MIB = 32;

const command = new Command('fuzz')
  .description('Feeds parts of the program with inputs that go where none has gone before')
  .argument(
    '[targets...]',
    `which parts (default: all, one after the other): ${[...TARGETS.keys()].join(', ')}`,
  )
  .addOption(countOption('--seconds <count>', 'for how long, each', 60))
  .addOption(countOption('--inputs <count>', 'ends after this many inputs, each'))
  .addOption(countOption('--seed <seed>', 'draws the same inputs again, if the program is the same'))
  .option('--pick <text>', 'one target alone, chosen by this text')
  .option('--replay <file>', 'run the input in this file alone')
  .option('--save', 'keep the inputs that went somewhere new in the repository');

await runTool(command, async () => {
  const options = command.opts<Arguments>();
  const targets = chosen(command.args, options.pick);
  if (options.replay !== undefined) return replay(targets, options.replay);
  const seed = options.seed ?? Math.floor(Math.random() * 2 ** 31) + 1;
  let failures = 0;
  for (const target of targets) if (!(await fuzz(target, seed, options))) failures += 1;
  print(`fuzz: ${targets.length} targets, ${failures} failures, seed ${seed}`);
  return failures === 0 ? 0 : 1;
});

function chosen(names: readonly string[], pick: string | undefined): readonly Target[] {
  const all = [...TARGETS.values()];
  if (pick !== undefined) return all.slice(crc32(pick) % all.length).slice(0, 1);
  if (names.length === 0) return all;
  return names.map((name) => TARGETS.get(name) ?? command.error(`there is no target ${name}`));
}

async function fuzz(target: Target, seed: number, { seconds, inputs, save }: Arguments): Promise<boolean> {
  const limits = { inputs: inputs ?? Number.POSITIVE_INFINITY, timeMs: 1_000 * seconds };
  const { guided, fast } = await runTarget(target, seed, limits);
  const failure = fast?.failure ?? guided.failure;
  const grownMiB = (fast?.grownBytes ?? 0) / 2 ** 20;
  const isGrown = grownMiB > MAX_GROWN_MIB;
  const sign = grownMiB < 0 ? '' : '+';
  const grown = fast?.grownBytes === undefined ? '' : `, memory ${sign}${grownMiB.toFixed(1)} MiB`;
  const last = fast === undefined ? '' : `, then ${figures(fast)}${grown}`;
  const verdict = failure === undefined && !isGrown ? '' : ': FAILED';
  print(
    `${target.name.padEnd(14)} guided ${figures(guided)}, ${guided.kept.length} inputs and ${guided.covered} characters of code` +
      `${last}${verdict}`,
  );
  if (failure === undefined) {
    if (isGrown) print(`its memory grows: ${MAX_GROWN_MIB} MiB are the limit`);
    else if (save) await writeCorpus(target.name, [...(await readCorpus(target.name)), ...guided.kept]);
    return !isGrown;
  }
  const file = `fuzz-${target.name}-${crc32(failure.input).toString(16)}`;
  await writeFile(file, failure.input);
  print(failure.reason);
  print(`again: npm run fuzz -- ${target.name} --replay ${file}`);
  return false;
}

function figures({ inputs, tookMs, slowestMs }: FuzzReport): string {
  const perS = Math.round((1_000 * inputs) / tookMs);
  return `${inputs} inputs (${perS}/s, slowest ${slowestMs.toFixed(1)} ms)`;
}

async function replay(targets: readonly Target[], file: string): Promise<number> {
  const [target, ...others] = targets;
  if (target === undefined || others.length > 0)
    throw new CommanderError(2, 'fuzz', '--replay needs the name of one target');
  await target.run(await readFile(file));
  print(`${target.name}: nothing is wrong`);
  return 0;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
