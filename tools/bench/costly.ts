/**
 * `npm run bench:costly`: while one client does what takes a server long, others set and get. Prints for each case the longest
 * that one of them waited, and the longest time that a thread of the program was blocked. Fails when that is too long, when one
 * of them is told an error, or when a term begins.
 */

import { setTimeout as pause } from 'node:timers/promises';
import { Command } from 'commander';
import { MAX_TURN_MS } from '../../src/limits.js';
import { countOption, runTool } from '../support/arguments.js';
import { Program } from '../support/program.js';
import { Bystanders, type Noticed } from './costly/bystanders.js';
import { CASES, type CostlyCase, load } from './costly/cases.js';
import { CostlyClient } from './costly/costly-client.js';
import { type LoopReading, readLoops } from './costly/loops.js';
import { table } from './table.js';

const MAX_WAIT_MS = 250;
const SERVERS = 3;
const AT_EACH_PORT = 3;
/** The gauge of the longest block forgets after this long. */
const FORGOTTEN_AFTER_MS = 16_500;
/** Less than that of an earlier case does not stand in the way. */
const NEGLIGIBLE_MS = MAX_TURN_MS / 2;
const CHECK_MS = 250;
const AFTERMATH_MS = 1_500;
const ANSWER_CHARS = 60;

const HEAD = [
  'case',
  'took s',
  'others waited ms',
  'errors',
  'terms',
  'own ms',
  'main ms',
  '0',
  '1',
  '2',
  'over 20 ms',
];

interface Arguments {
  readonly keys: number;
  readonly timeout: number;
  readonly only?: string;
}

interface Outcome {
  readonly name: string;
  /** The beginning of what the costly client was answered. */
  readonly answer: string;
  readonly tookMs: number;
  /** By the bystanders. */
  readonly noticed: Noticed;
  /** That began meanwhile. */
  readonly terms: number;
  /** Of each thread, its longest block. */
  readonly longestMs: ReadonlyMap<string, number>;
  /** Seconds with a block of over MAX_TURN_MS, of all threads together. */
  readonly blockedSeconds: number;
}

const command = new Command('bench:costly')
  .description('What others notice while one client does what takes a server long')
  .addOption(countOption('--keys <count>', 'keys that are loaded', 1_000_000))
  .addOption(countOption('--timeout <seconds>', 'for each case', 60))
  .option('--only <text>', 'cases with this in their names');

await runTool(command, async () => {
  const { keys, timeout, only = '' } = command.opts<Arguments>();
  const cases = Object.entries(CASES).filter(([name]) => name.includes(only));
  if (cases.length === 0) throw new Error(`--only: part of one of: ${Object.keys(CASES).join('; ')}`);
  const program = await Program.start({ servers: SERVERS, flags: ['--log-level', 'warn'] });
  const bystanders = new Bystanders();
  try {
    const client = await CostlyClient.connect(program.routerPort);
    await load(client, keys);
    client.close();
    const ports = [...program.serverPorts, program.routerPort, program.routerPort];
    await bystanders.open(ports.flatMap((port) => Array.from({ length: AT_EACH_PORT }, () => port)));
    const outcomes: Outcome[] = [];
    for (const [name, run] of cases) {
      const outcome = await measure({ program, bystanders, timeoutMs: timeout * 1_000 }, name, run);
      outcomes.push(outcome);
      print(`${name}: ${outcome.answer}`);
      for (const what of complaints(outcome)) print(`  BROKEN ${what}`);
    }
    print(`\n${table([HEAD, ...outcomes.map(rowOf)])}\n${program.stderrTail}`);
    return outcomes.every((outcome) => complaints(outcome).length === 0) ? 0 : 1;
  } finally {
    await bystanders.close();
    await program.stop();
  }
});

interface Site {
  readonly program: Program;
  readonly bystanders: Bystanders;
  readonly timeoutMs: number;
}

async function measure(
  { program, bystanders, timeoutMs }: Site,
  name: string,
  run: CostlyCase,
): Promise<Outcome> {
  const { httpPort, routerPort } = program;
  const before = await settledLoops(httpPort);
  const termBefore = await termOf(program);
  const client = await CostlyClient.connect(routerPort);
  await bystanders.take();
  const startMs = performance.now();
  const running = run({ client, httpPort }).catch((error: unknown) => String(error));
  const answer = await Promise.race([running, pause(timeoutMs, 'not done in time', { ref: false })]);
  const tookMs = performance.now() - startMs;
  client.close();
  // What the client has left behind, and memory that is given back, counts.
  await pause(AFTERMATH_MS);
  const noticed = await bystanders.take();
  const after = await readLoops(httpPort);
  return {
    name,
    answer: JSON.stringify(answer.slice(0, ANSWER_CHARS)),
    tookMs,
    noticed,
    terms: (await termOf(program)) - termBefore,
    longestMs: after.longestMs,
    blockedSeconds: [...after.blockedSeconds].reduce(
      (sum, [thread, seconds]) => sum + seconds - (before.blockedSeconds.get(thread) ?? 0),
      0,
    ),
  };
}

/** Once the longest block of an earlier case is forgotten, if it was long. */
async function settledLoops(httpPort: number): Promise<LoopReading> {
  const deadlineMs = performance.now() + FORGOTTEN_AFTER_MS;
  while (true) {
    const reading = await readLoops(httpPort);
    const longestMs = Math.max(...reading.longestMs.values());
    if (longestMs < NEGLIGIBLE_MS || performance.now() > deadlineMs) return reading;
    await pause(CHECK_MS);
  }
}

async function termOf(program: Program): Promise<number> {
  const { servers } = await program.status();
  return Math.max(...servers.map(({ term }) => term));
}

function complaints({ noticed, terms }: Outcome): readonly string[] {
  const { longestMs, errors } = noticed;
  return [
    ...(longestMs > MAX_WAIT_MS ? [`somebody waited ${longestMs.toFixed(0)} ms`] : []),
    ...errors.map((error) => `somebody was told ${error}`),
    ...(terms > 0 ? [`${terms} terms began`] : []),
  ];
}

function rowOf({ name, tookMs, noticed, terms, longestMs, blockedSeconds }: Outcome): readonly string[] {
  const { longestMs: waitedMs, errors, ownBlockMs } = noticed;
  const threads = ['main', ...Array.from({ length: SERVERS }, (_, id) => `server-${id}`)];
  return [
    name,
    (tookMs / 1_000).toFixed(1),
    waitedMs.toFixed(0),
    `${errors.length}`,
    `${terms}`,
    ownBlockMs.toFixed(0),
    ...threads.map((thread) => (longestMs.get(thread) ?? 0).toFixed(0)),
    `${blockedSeconds} s`,
  ];
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
