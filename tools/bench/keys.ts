/**
 * `npm run bench:keys`: what a million keys cost: memory, the start after a crash, and latency while snapshots are
 * written.
 */

import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { OWN_PARTIAL_NAME } from '../../src/storage/snapshot-files.js';
import { countOption, runTool } from '../support/arguments.js';
import { Program } from '../support/program.js';
import { residentBytes } from '../support/resident-bytes.js';
import { median } from '../support/statistics.js';
import { GeneratorProcess } from './load/generator-process.js';
import type { RoundResult, Workload } from './load/workload.js';

const SERVERS = 3;
const VALUE_BYTES = 64;
const KEY_BYTES = 16;
const PUSH_CONNECTIONS = 16;
const PUSH_DEPTH = 64;
/** Between two rounds this share of all keys is written: every few rounds a snapshot becomes due. */
const PUSHED_FRACTION = 1 / 20;
const LOOK_EVERY_MS = 50;
/** A round counts as one with snapshots when they were being written for this share of it. */
const MOST = 0.5;
const READY_TIMEOUT_MS = 120_000;

interface Arguments {
  readonly keys: number;
  readonly crashes: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly connections: number;
}

const command = new Command('bench:keys')
  .description('Measures memory, the start after a crash and latency under snapshots with many keys')
  .addOption(countOption('--keys <count>', 'how many', 1_000_000))
  .addOption(countOption('--crashes <count>', 'starts after a crash that are measured', 5))
  .addOption(countOption('--rounds <count>', 'rounds of sets, some of them under snapshots', 80))
  .addOption(countOption('--seconds <count>', 'duration of a round', 1))
  .addOption(countOption('--connections <count>', 'client connections, with a set at a time each', 50));

await runTool(command, async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'threadraft-keys-'));
  const generator = new GeneratorProcess();
  let program = await start(dataDir);
  try {
    const options = command.opts<Arguments>();
    const emptyBytes = await residentBytes(program.pid);
    await generator.run(push(program, options.keys, options.keys));
    print(`${options.keys} keys of ${KEY_BYTES} bytes with values of ${VALUE_BYTES} on ${SERVERS} servers`);
    const startsMs: number[] = [];
    for (let crash = 0; crash < options.crashes; crash += 1) {
      await program.kill();
      const beforeMs = performance.now();
      program = await start(dataDir);
      startsMs.push(performance.now() - beforeMs);
    }
    print(`start after a crash: ready after ${startsMs.map((ms) => ms.toFixed(0)).join(', ')} ms`);
    const perKey = ((await residentBytes(program.pid)) - emptyBytes) / SERVERS / options.keys;
    print(`resident memory per key and server: ${perKey.toFixed(0)} bytes, key and value included`);
    await measureLatency(program, dataDir, generator, options);
    return 0;
  } finally {
    await generator.close();
    await program.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
});

async function measureLatency(
  program: Program,
  dataDir: string,
  generator: GeneratorProcess,
  { keys, rounds, seconds, connections }: Arguments,
): Promise<void> {
  const quiet: RoundResult[] = [];
  const busy: RoundResult[] = [];
  const port = program.serverPorts[await program.leader()] ?? program.routerPort;
  const operation = 'set';
  const keyspace = { keys, valueBytes: VALUE_BYTES };
  const limit = { type: 'seconds', seconds } as const;
  for (let round = 0; round < rounds; round += 1) {
    await generator.run(push(program, keys, Math.ceil(keys * PUSHED_FRACTION)));
    const watch = watchSnapshots(dataDir);
    const result = await generator.run({ port, connections, depth: 1, operation, keyspace, limit });
    const fraction = await watch.stop();
    for (const [what, count] of Object.entries(result.errors)) print(`WRONG ${count} times: ${what}`);
    // What compiles and what follows a start is over by then.
    if (round === 0) continue;
    if (fraction === 0) quiet.push(result);
    else if (fraction > MOST) busy.push(result);
  }
  report('no snapshot', quiet);
  report('snapshots', busy);
  if (quiet.length === 0 || busy.length === 0) print('too few rounds of either kind: use more');
  else print(`p99 under snapshots: ${(p99Us(busy) / p99Us(quiet)).toFixed(2)} times that without`);
}

/** Watches whether any server writes a snapshot; `stop` tells for what fraction of the time one did. */
function watchSnapshots(dataDir: string): { readonly stop: () => Promise<number> } {
  const looks: Promise<boolean>[] = [];
  const timer = setInterval(() => looks.push(isWriting(dataDir)), LOOK_EVERY_MS);
  return {
    stop: async () => {
      clearInterval(timer);
      const found = await Promise.all(looks);
      return found.filter(Boolean).length / found.length;
    },
  };
}

async function isWriting(dataDir: string): Promise<boolean> {
  const partials = Array.from({ length: SERVERS }, (_, id) =>
    access(join(dataDir, `server-${id}`, 'snapshots', OWN_PARTIAL_NAME)).then(
      () => true,
      () => false,
    ),
  );
  return (await Promise.all(partials)).includes(true);
}

function start(dataDir: string): Promise<Program> {
  return Program.start({
    servers: SERVERS,
    storage: { dataDir },
    flags: ['--log-level', 'warn'],
    readyTimeoutMs: READY_TIMEOUT_MS,
  });
}

/** So many sets, as fast as they are taken. */
function push({ routerPort: port }: Program, keys: number, requests: number): Workload {
  return {
    port,
    connections: PUSH_CONNECTIONS,
    depth: PUSH_DEPTH,
    operation: 'set',
    keyspace: { keys, valueBytes: VALUE_BYTES },
    limit: { type: 'requests', requests },
  };
}

function report(name: string, rounds: readonly RoundResult[]): void {
  if (rounds.length === 0) return;
  const rate = Math.round(median(rounds.map(({ requestsPerSecond }) => requestsPerSecond)));
  const p50Us = median(rounds.map(({ latencyUs: { p50 } }) => p50));
  const maxUs = Math.max(...rounds.map(({ latencyUs: { max } }) => max));
  print(
    `${name}: ${rounds.length} rounds, ${rate} sets/s, p50 ${p50Us} µs, p99 ${p99Us(rounds)} µs, max ${maxUs} µs`,
  );
}

function p99Us(rounds: readonly RoundResult[]): number {
  return median(rounds.map(({ latencyUs: { p99 } }) => p99));
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
