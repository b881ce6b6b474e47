/**
 * `npm run bench:disk`: how much of the disk endless overwrites of the same keys take, and of the memory.
 */

import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { DEFAULT_OPTIONS } from '../../src/cluster/cluster-options.js';
import { countOption, runTool } from '../support/arguments.js';
import { Program } from '../support/program.js';
import { residentBytes } from '../support/resident-bytes.js';
import { GeneratorProcess } from './load/generator-process.js';

const CONNECTIONS = 16;
const DEPTH = 64;
const VALUE_BYTES = 64;
const SAMPLE_EVERY_MS = 250;
const MIB = 1024 * 1024;

/** docs/durability.md: a server's disk holds at most this many times the log that makes a snapshot due, */
const BOUND_LOGS = 3;
/** but a few segments of the log in any case, */
const LEAST_BOUND_BYTES = 48 * 1024 * 1024;
/** and this many snapshots. */
const BOUND_SNAPSHOTS = 3;
/** Of a snapshot, beside key and value. */
const RECORD_BYTES = 24;

interface Arguments {
  readonly sets: number;
  readonly keys: number;
  readonly servers: number;
  readonly snapshotLogBytes: number;
}

const command = new Command('bench:disk')
  .description('Overwrites the same keys again and again, and watches how much disk and memory that takes')
  .addOption(countOption('--sets <count>', 'how many sets', 5_000_000))
  .addOption(countOption('--keys <count>', 'on how many keys', 1_000))
  .addOption(countOption('--servers <count>', 'servers of the cluster', 3))
  .addOption(
    countOption('--snapshot-log-bytes <bytes>', 'as of the program', DEFAULT_OPTIONS.snapshotLogBytes),
  );

await runTool(command, async () => {
  const options = command.opts<Arguments>();
  const dataDir = await mkdtemp(join(tmpdir(), 'threadraft-disk-'));
  try {
    return await measure(options, dataDir);
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
});

async function measure(
  { sets, keys, servers, snapshotLogBytes }: Arguments,
  dataDir: string,
): Promise<number> {
  const flags = ['--snapshot-log-bytes', `${snapshotLogBytes}`, '--log-level', 'warn'];
  const program = await Program.start({ servers, storage: { dataDir }, flags });
  const generator = new GeneratorProcess();
  const peak = { disk: 0, memory: 0 };
  const sampling = setInterval(() => sample(program.pid, dataDir, peak), SAMPLE_EVERY_MS);
  try {
    const { requestsPerSecond } = await generator.run({
      port: program.routerPort,
      connections: CONNECTIONS,
      depth: DEPTH,
      operation: 'set',
      keyspace: { keys, valueBytes: VALUE_BYTES },
      limit: { type: 'requests', requests: sets },
    });
    print(`${sets} sets on ${keys} keys, ${Math.round(requestsPerSecond)}/s`);
  } finally {
    clearInterval(sampling);
    await generator.close();
    await program.stop();
  }
  const keyBytes = 16;
  const snapshotBytes = keys * (RECORD_BYTES + keyBytes + VALUE_BYTES);
  const logBound = Math.max(BOUND_LOGS * snapshotLogBytes, LEAST_BOUND_BYTES);
  const bound = servers * (logBound + BOUND_SNAPSHOTS * snapshotBytes);
  print(`memory of the program: at most ${mib(peak.memory)} MiB`);
  print(`disk: at most ${mib(peak.disk)} MiB for ${servers} servers, bound ${mib(bound)} MiB`);
  return peak.disk <= bound ? 0 : 1;
}

function sample(pid: number, dataDir: string, peak: { disk: number; memory: number }): void {
  diskUse(dataDir).then((bytes) => {
    peak.disk = Math.max(peak.disk, bytes);
  }, ignore);
  residentBytes(pid).then((bytes) => {
    peak.memory = Math.max(peak.memory, bytes);
  }, ignore);
}

/** Files come and go while they are counted. */
function ignore(): void {}

async function diskUse(directory: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const found = await stat(join(entry.parentPath, entry.name)).catch(() => undefined);
    bytes += found?.size ?? 0;
  }
  return bytes;
}

function mib(bytes: number): string {
  return (bytes / MIB).toFixed(0);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
