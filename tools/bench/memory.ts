/**
 * `npm run bench:memory`: whether resident memory grows under a load that does not, with and without kills of the leader, and
 * where it lies.
 */

import { setTimeout as pause } from 'node:timers/promises';
import { Command } from 'commander';
import { countOption, runTool, wholeNumber } from '../support/arguments.js';
import { http } from '../support/http.js';
import { Program } from '../support/program.js';
import { residentBytes } from '../support/resident-bytes.js';
import { ExpiringLoad } from './memory/expiring-load.js';
import { type ProcessMemory, processMemory } from './memory/process-memory.js';

interface Arguments {
  readonly servers: number;
  readonly seconds: number;
  readonly rate: number;
  readonly kills: number;
  readonly every: number;
  readonly bound: number;
  readonly entry?: string;
}

const MIB = 1024 * 1024;
const SAMPLE_EVERY_MS = 1_000;
/** A kill may add this much that stays. */
const MIB_PER_KILL = 0.2;
/** Before that much of the time has passed, memory may still grow to what the load takes. */
const SETTLED_AFTER = 1 / 4;
/** A killed server is started again after this time. */
const DOWN_MS = 200;

const command = new Command('bench:memory')
  .description('Measures resident memory under a steady load of keys that expire')
  .addOption(countOption('--servers <count>', 'servers of the cluster', 3))
  .addOption(countOption('--seconds <count>', 'for how long', 300))
  .addOption(countOption('--rate <commands>', 'commands per second', 3_000))
  .option('--kills <count>', 'leaders to kill meanwhile', wholeNumber(0, 100_000), 0)
  .addOption(countOption('--every <seconds>', 'time between two lines', 10))
  .addOption(countOption('--bound <MiB>', 'resident memory that is too much', 300))
  .option('--entry <file>', 'built program to measure in place of this one');

const COLUMNS = [
  's',
  'resident MiB',
  'peak',
  'arenas',
  'number',
  'mapped',
  'heaps',
  'external',
  'files',
  'commands/s',
  'errors',
  'longest ms',
];

/** Everything in bytes. */
interface Details extends ProcessMemory {
  /** Of all threads: what their JavaScript heaps have reserved, and the buffers that these hold. */
  readonly heaps: number;
  readonly external: number;
}

await runTool(command, async () => {
  const options = command.opts<Arguments>();
  const { servers, seconds, rate, kills, every, bound, entry } = options;
  const flags = ['--log-level', 'error'];
  const program = await Program.start({ servers, flags, ...(entry === undefined ? {} : { entry }) });
  try {
    const load = await ExpiringLoad.begin(program.routerPort, rate);
    const startMs = performance.now();
    const isOver = () => performance.now() - startMs >= seconds * 1_000;
    const killing = killAgainAndAgain(program, kills, (seconds * 1_000) / (kills + 1));
    const samples: number[] = [];
    let [peak, tick] = [0, 0];
    printRow(COLUMNS);
    while (!isOver()) {
      tick += 1;
      await pause(Math.max(0, startMs + tick * SAMPLE_EVERY_MS - performance.now()));
      const resident = await residentBytes(program.pid);
      samples.push(resident);
      peak = Math.max(peak, resident);
      if ((tick * SAMPLE_EVERY_MS) % (every * 1_000) === 0) {
        const { answered, errors, longestMs } = load.takeCounts();
        const seconds = ((performance.now() - startMs) / 1_000).toFixed(0);
        const details = rowOf(await takeDetails(program), peak);
        printRow([seconds, ...details, ...[answered / every, errors, longestMs].map((x) => x.toFixed(0))]);
        peak = 0;
      }
    }
    load.end();
    const wrong = [...checkBound(samples, bound), ...checkKills(samples, await killing)];
    for (const what of wrong) print(`BROKEN ${what}`);
    return wrong.length === 0 ? 0 : 1;
  } finally {
    await program.stop();
  }
});

/** Returns how many were killed. */
async function killAgainAndAgain(program: Program, kills: number, everyMs: number): Promise<number> {
  const startMs = performance.now();
  for (let kill = 1; kill <= kills; kill += 1) {
    await pause(Math.max(0, startMs + kill * everyMs - performance.now()));
    const leader = await program.leader();
    await program.killServer(leader);
    await pause(DOWN_MS);
    await program.restartServer(leader);
    await program.leader();
  }
  return kills;
}

/** Both cost the program time, so they are not asked for at each sample. */
async function takeDetails(program: Program): Promise<Details> {
  const [memory, { text }] = await Promise.all([
    processMemory(program.pid),
    http(program.httpPort, 'GET /metrics'),
  ]);
  return {
    ...memory,
    heaps: sumOf(text, 'thread_heap_size_bytes'),
    external: sumOf(text, 'thread_external_bytes'),
  };
}

/** The sum of a metric over all threads; 0 for one that this program does not have. */
function sumOf(metrics: string, name: string): number {
  const lines = metrics.matchAll(new RegExp(`^threadraft_${name}\\{.*\\} (\\S+)$`, 'gm'));
  return [...lines].reduce((sum, [, value]) => sum + Number(value), 0);
}

function checkBound(samples: readonly number[], boundMib: number): readonly string[] {
  const peak = Math.max(...samples) / MIB;
  print(`at most ${peak.toFixed(0)} MiB resident, bound ${boundMib} MiB`);
  return peak > boundMib ? [`${peak.toFixed(0)} MiB resident, bound ${boundMib} MiB`] : [];
}

/** Judges what the last tenth of the samples took more than those right after memory had settled. */
function checkKills(samples: readonly number[], kills: number): readonly string[] {
  if (kills === 0) return [];
  const tenth = Math.ceil(samples.length / 10);
  const settled = Math.floor(samples.length * SETTLED_AFTER);
  const grownMib = (meanOf(samples.slice(-tenth)) - meanOf(samples.slice(settled, settled + tenth))) / MIB;
  const perKill = grownMib / (kills * (1 - SETTLED_AFTER));
  const told = `${perKill.toFixed(2)} MiB more for each kill, bound ${MIB_PER_KILL} MiB`;
  print(told);
  return perKill > MIB_PER_KILL ? [told] : [];
}

function meanOf(samples: readonly number[]): number {
  return samples.reduce((sum, resident) => sum + resident, 0) / samples.length;
}

function rowOf(details: Details, peak: number): readonly string[] {
  const { resident, arenas, arenaCount, mapped, heaps, external, files } = details;
  const inMib = (bytes: number) => (bytes / MIB).toFixed(0);
  return [
    ...[resident, peak, arenas].map(inMib),
    `${arenaCount}`,
    ...[mapped, heaps, external, files].map(inMib),
  ];
}

function printRow(cells: readonly string[]): void {
  print(cells.map((cell, i) => cell.padStart((COLUMNS[i]?.length ?? 0) + 2)).join(''));
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
