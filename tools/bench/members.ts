/**
 * `npm run bench:members`: how long clients cannot write while servers are added, removed and replaced and while leadership is
 * handed over, and whether anything is lost or refused.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Command } from 'commander';
import { countOption, runTool } from '../support/arguments.js';
import { dataDirsIn, Program } from '../support/program.js';
import { median, percentile } from '../support/statistics.js';
import { TextClient } from '../support/text-client.js';
import { SteadyWriters } from './members/steady-writers.js';

interface Arguments {
  readonly rounds: number;
  readonly handOvers: number;
  readonly keys: number;
  readonly clients: number;
}

/** How many servers there are one after the other, beginning with one. */
const SIZES = [3, 5, 9, 5, 3, 1];
const IDS = Array.from({ length: 9 }, (_, id) => id);
/** Between two hand-overs, so that each has its own gap. */
const REST_MS = 100;
const SET_VALUE = '.'.repeat(64);
const PIPELINED = 500;

const command = new Command('bench:members')
  .description(
    'Changes members and hands leadership over under load, and measures how long nothing is acknowledged',
  )
  .addOption(countOption('--rounds <count>', 'from 1 to 3 to 5 to 9 servers and back to 1', 10))
  .addOption(countOption('--hand-overs <count>', 'hand-overs of leadership', 100))
  .addOption(countOption('--keys <count>', 'keys of the cluster one of whose disks is replaced', 100_000))
  .addOption(
    countOption('--clients <count>', 'clients that write through the router, half by each protocol', 20),
  );

await runTool(command, async () => {
  const options = command.opts<Arguments>();
  const faults = [
    ...(await changeSizes(options)),
    ...(await handOver(options)),
    ...(await replaceDisk(options)),
  ];
  for (const fault of faults) print(`WRONG ${fault}`);
  print(`bench:members: ${faults.length === 0 ? 'no error and nothing lost' : `${faults.length} faults`}`);
  return faults.length === 0 ? 0 : 1;
});

/** Grows and shrinks; a leader is always among the removed. Resolves to what went wrong. */
async function changeSizes({ rounds, clients }: Arguments): Promise<readonly string[]> {
  return underLoad({ servers: 1, clients }, async (program, writers) => {
    const gapsMs: number[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      const steps: string[] = [];
      for (const size of SIZES) {
        const { voters } = await program.members();
        const leader = await program.leader();
        const wanted =
          size > voters.length
            ? [...voters, ...IDS.filter((id) => !voters.includes(id))].slice(0, size)
            : voters.filter((id) => id !== leader).slice(0, size);
        writers.takeLongestGapMs();
        const startMs = performance.now();
        await program.changeMembers(wanted);
        const tookMs = performance.now() - startMs;
        await pause(REST_MS);
        const gapMs = writers.takeLongestGapMs();
        gapsMs.push(gapMs);
        steps.push(`${size}: ${ms(tookMs)}, gap ${ms(gapMs)}`);
      }
      print(`round ${round}/${rounds}, in ms, to ${steps.join('; ')}`);
    }
    print(distribution('gaps while members change', gapsMs));
  });
}

/** Hands leadership over again and again. Resolves to what went wrong. */
async function handOver({ handOvers, clients }: Arguments): Promise<readonly string[]> {
  return underLoad({ servers: 3, clients }, async (program, writers) => {
    const gapsMs: number[] = [];
    for (let round = 1; round <= handOvers; round += 1) {
      const leader = await program.leader();
      await pause(REST_MS);
      writers.takeLongestGapMs();
      await program.lead((leader + 1) % 3);
      await pause(REST_MS);
      gapsMs.push(writers.takeLongestGapMs());
    }
    print(distribution(`gaps of ${handOvers} hand-overs`, gapsMs));
  });
}

/** Has a server replaced whose directory is gone. Resolves to what went wrong. */
async function replaceDisk({ keys, clients }: Arguments): Promise<readonly string[]> {
  const directory = await mkdtemp(join(tmpdir(), 'threadraft-members-'));
  const dataDirs = dataDirsIn(directory, { servers: 3, isApart: true });
  try {
    return await underLoad({ servers: 3, clients, dataDirs }, async (program, writers) => {
      await fill(program.routerPort, keys);
      // The outcome of what a leader has taken that is killed is unknown.
      if ((await program.leader()) === 1) await program.lead(0);
      await program.killServer(1);
      await rm(dataDirs[1] ?? '', { recursive: true });
      writers.takeLongestGapMs();
      const startMs = performance.now();
      await program.replaceServer(1);
      const tookMs = performance.now() - startMs;
      print(`a disk is replaced, ${keys} keys: ${ms(tookMs)} ms, gap ${ms(writers.takeLongestGapMs())} ms`);
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

interface Load {
  readonly servers: number;
  readonly clients: number;
  readonly dataDirs?: readonly string[];
}

/** Resolves to the errors that clients were answered, and to what is lost. */
async function underLoad(
  { servers, clients, dataDirs }: Load,
  action: (program: Program, writers: SteadyWriters) => Promise<void>,
): Promise<readonly string[]> {
  const storage = dataDirs === undefined ? 'temporary' : { dataDir: dataDirs };
  const program = await Program.start({ servers, storage, flags: ['--log-level', 'warn'] });
  try {
    const writers = await SteadyWriters.start(program.routerPort, clients);
    await action(program, writers);
    await writers.stop();
    const lost = await writers.lost(program.routerPort);
    print(
      `${writers.acknowledged} writes acknowledged, ${writers.errors.length} errors, ${lost.length} lost`,
    );
    return [...writers.errors, ...lost];
  } finally {
    await program.stop();
  }
}

async function fill(port: number, keys: number): Promise<void> {
  const client = await TextClient.connect(port);
  for (let key = 0; key < keys; key += PIPELINED) {
    const count = Math.min(PIPELINED, keys - key);
    const sets = Array.from(
      { length: count },
      (_, i) => `set filled-${key + i} 0 ${SET_VALUE.length}\r\n${SET_VALUE}\r\n`,
    );
    await client.replies(sets.join(''), count);
  }
  client.close();
}

function distribution(name: string, valuesMs: readonly number[]): string {
  const [p50, p99, max] = [median(valuesMs), percentile(valuesMs, 99), Math.max(...valuesMs)].map(ms);
  return `${name}: p50 ${p50} ms, p99 ${p99} ms, max ${max} ms`;
}

function ms(value: number): string {
  return value.toFixed(1);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
