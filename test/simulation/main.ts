/**
 * `npm run simulate`: many simulated runs, each from its own seed, or one of them as a transcript.
 */

import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { SingleBar } from 'cli-progress';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { Piscina } from 'piscina';
import type { SeedRange, SeedRangeResult } from './seeds.js';
import { type ShrunkRun, shrink } from './shrink.js';
import { type SimulationResult, simulate } from './simulation.js';

interface Arguments {
  readonly seeds: number;
  readonly from: number;
  readonly servers: number | undefined;
  readonly steps: number;
  readonly replay: number | undefined;
  readonly without: readonly string[];
  readonly trace: boolean;
}

const SEEDS_PER_TASK = 10;
const TRACE_LINES = 60;
/** A failing run is made smaller for up to this time. */
const SHRINK_TIMEOUT_MS = 60_000;

const EXIT_VIOLATION = 1;
const EXIT_USAGE = 2;

process.exitCode = await main();

/** Runs what the command line asks for; returns the exit code. */
async function main(): Promise<number> {
  try {
    const args = newProgram().parse().opts<Arguments>();
    return await (args.replay === undefined ? simulateAll(args) : replay(args, args.replay));
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return 0;
    process.stderr.write(`simulate: ${error.message.replace(/^error: /, '').replaceAll('\n', ' ')}\n`);
    return EXIT_USAGE;
  }
}

function newProgram(): Command {
  return new Command('simulate')
    .description('Simulates whole clusters with faults, deterministically, and checks what they promise')
    .option('--seeds <count>', 'how many runs', atLeast(1), 1_000)
    .option('--from <seed>', 'the first seed', atLeast(0), 1)
    .option('--servers <n>', 'servers of each cluster, 1 to 7 (default: drawn from the seed)', between(1, 7))
    .option('--steps <n>', 'events before the faults stop', atLeast(1), 4_000)
    .option('--replay <seed>', 'run this seed alone, and show its hash', atLeast(0))
    .option(
      '--without <names>',
      'leave out faults (f1), strikes (s1), changes of members (m1), the loss of a disk (d1) and clients (c0) of the run',
      names,
      [],
    )
    .option('--trace', 'show the replayed run as a transcript', false)
    .allowExcessArguments(false)
    .showSuggestionAfterError(false)
    .configureOutput({ outputError: () => undefined })
    .exitOverride();
}

async function simulateAll(args: Arguments): Promise<number> {
  const { runs, violations } = await runAll(args);
  const [first, ...others] = violations;
  for (const { seed, violation } of others)
    process.stdout.write(`seed ${seed}, as it was: ${violation?.message}\n`);
  if (first !== undefined) await explain(args, first);
  process.stdout.write(`simulate: ${runs} runs, ${violations.length} violations\n`);
  return violations.length === 0 ? 0 : EXIT_VIOLATION;
}

async function replay({ servers, steps, without, trace }: Arguments, seed: number): Promise<number> {
  const show = trace ? (line: string) => process.stdout.write(`${line}\n`) : undefined;
  const result = await simulate({ seed, servers, steps, without, trace: show });
  const { violation } = result;
  process.stdout.write(
    `seed ${seed}, ${result.servers} servers, ${result.operations} operations, ${result.steps} events, hash ${result.hash}: ${violation?.message ?? 'ok'}\n`,
  );
  process.stdout.write(`simulate: 1 runs, ${violation === undefined ? 0 : 1} violations\n`);
  return violation === undefined ? 0 : EXIT_VIOLATION;
}

async function runAll({
  seeds,
  from,
  servers,
  steps,
}: Arguments): Promise<{ runs: number; violations: SimulationResult[] }> {
  const filename = fileURLToPath(new URL('./seeds.js', import.meta.url));
  const pool = new Piscina({ filename, maxThreads: availableParallelism() });
  const bar = new SingleBar({ format: '{bar} {value}/{total} runs, {speed}/s', stream: process.stderr });
  if (process.stderr.isTTY) bar.start(seeds, 0, { speed: 0 });
  const startMs = performance.now();
  const violations: SimulationResult[] = [];
  let runs = 0;
  let events = 0;
  let unjudged = 0;
  const tasks: Promise<void>[] = [];
  for (let offset = 0; offset < seeds; offset += SEEDS_PER_TASK) {
    const count = Math.min(SEEDS_PER_TASK, seeds - offset);
    const range: SeedRange = { from: from + offset, count, servers, steps };
    tasks.push(
      pool.run(range).then((result: SeedRangeResult) => {
        runs += result.runs;
        events += result.steps;
        unjudged += result.unjudged;
        if (result.violation !== undefined) violations.push(result.violation);
        bar.update(runs, { speed: Math.round((runs * 1000) / (performance.now() - startMs)) });
      }),
    );
  }
  await Promise.all(tasks);
  bar.stop();
  await pool.destroy();
  const seconds = (performance.now() - startMs) / 1000;
  process.stdout.write(
    `seeds ${from} to ${from + seeds - 1}, ${(runs / seconds).toFixed(1)} runs a second, ${(events / seconds).toFixed(0)} events\n`,
  );
  if (unjudged > 0) process.stdout.write(`${unjudged} histories were too much work to judge\n`);
  return { runs, violations: violations.sort((a, b) => a.seed - b.seed) };
}

/** What broke, how to see it again, and the last lines of the transcript, all of a run that was made smaller. */
async function explain({ servers, steps }: Arguments, broken: SimulationResult): Promise<void> {
  const { seed } = broken;
  const { run, result } = await shrink({ seed, servers, steps, without: [] }, broken, SHRINK_TIMEOUT_MS);
  const lines: string[] = [];
  await simulate({ ...run, trace: (line) => lines.push(line) });
  process.stdout.write(
    `${lines.slice(-TRACE_LINES).join('\n')}\n\nseed ${seed}: ${result.violation?.message}\n`,
  );
  process.stdout.write(`again: npm run simulate -- ${argumentsOf(run)} --trace\n`);
}

function argumentsOf({ seed, servers, steps, without }: ShrunkRun): string {
  const args = [`--replay ${seed} --steps ${steps}`];
  if (servers !== undefined) args.push(`--servers ${servers}`);
  if (without.length > 0) args.push(`--without ${without.join(',')}`);
  return args.join(' ');
}

function names(text: string): string[] {
  const parts = text.split(',');
  if (parts.every((part) => /^[fsmdc]\d+$/.test(part))) return parts;
  throw new InvalidArgumentError('It must be names like f1,s2,m1,d1,c0.');
}

function atLeast(min: number): (text: string) => number {
  return between(min, Number.MAX_SAFE_INTEGER);
}

function between(min: number, max: number): (text: string) => number {
  const range = max === Number.MAX_SAFE_INTEGER ? `of ${min} or more` : `from ${min} to ${max}`;
  return (text) => {
    const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (number >= min && number <= max) return number;
    throw new InvalidArgumentError(`It must be a whole number ${range}.`);
  };
}
