/**
 * `npm run crash-test`: the built program is killed by SIGKILL under load, again and again, often while it writes a
 * snapshot, and started again on the same directory. Then every acknowledged write must be there, on every server, and
 * every other one whole or not at all.
 */

import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Command } from 'commander';
import { dataDirsIn, Program } from '../support/program.js';
import { checkAll, lostWrite, whole } from './checking.js';
import type { LostWriteError } from './key-model.js';
import { Writer } from './writer.js';

const WRITERS = 12;
const SERVERS = 3;
const MIN_LOAD_MS = 50;
const MAX_LOAD_MS = 1_500;
/** Small, so that some server is often in the midst of a snapshot or of dropping its log. */
const SNAPSHOT_LOG_BYTES = 300_000;
/** In every other round the kill waits for a snapshot to be under way, for this long. */
const SNAPSHOT_TIMEOUT_MS = 2_000;

interface Arguments {
  readonly rounds: number;
  readonly apart: boolean;
}

const program = new Command('crash-test')
  .description('Kills the program under load and checks that nothing acknowledged is lost')
  .option('--rounds <n>', 'how often', whole, 10)
  .option('--apart', 'with a data directory for each server', false)
  .parse();

process.exitCode = await run(program.opts<Arguments>());

async function run({ rounds, apart: isApart }: Arguments): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'threadraft-crash-'));
  const dataDirs = dataDirsIn(directory, { servers: SERVERS, isApart });
  const writers = Array.from({ length: WRITERS }, (_, i) => new Writer(`w${i}`));
  let lost = 0;
  let round = 0;
  try {
    while (round < rounds && lost === 0) {
      round += 1;
      const { what, found } = await runRound(dataDirs, writers, { waitsForSnapshot: round % 2 === 0 });
      lost += found.length;
      process.stdout.write(`round ${round}: ${what}, ${acknowledgedBy(writers)} acknowledged so far\n`);
      for (const { message } of found) process.stdout.write(`  lost: ${message}\n`);
    }
    if (lost === 0) lost += (await check(dataDirs, writers)).length;
  } finally {
    if (lost === 0) await rm(directory, { recursive: true, force: true });
    else process.stdout.write(`the data is kept: ${directory}\n`);
  }
  process.stdout.write(
    `crash-test: ${round} rounds, ${acknowledgedBy(writers)} acknowledged, ${lost} lost\n`,
  );
  return lost === 0 ? 0 : 1;
}

function acknowledgedBy(writers: readonly Writer[]): number {
  return writers.reduce((sum, writer) => sum + writer.acknowledged, 0);
}

/** Checks what the last round left, writes, and kills the program. */
async function runRound(
  dataDirs: readonly string[],
  writers: readonly Writer[],
  { waitsForSnapshot }: { waitsForSnapshot: boolean },
): Promise<{ readonly what: string; readonly found: readonly LostWriteError[] }> {
  const started = await start(dataDirs);
  try {
    const found = await checkAll(started, writers);
    const writing = writers.map((writer) =>
      writer.writeUntilCut(started.routerPort).then(() => undefined, lostWrite),
    );
    await pause(MIN_LOAD_MS + Math.random() * (MAX_LOAD_MS - MIN_LOAD_MS));
    const isInSnapshot = waitsForSnapshot && (await snapshotBegins(dataDirs));
    await started.kill();
    for (const one of await Promise.all(writing)) if (one !== undefined) found.push(one);
    return { what: isInSnapshot ? 'killed in a snapshot' : 'killed', found };
  } finally {
    if (!started.hasExited) await started.kill();
  }
}

/** Starts the program a last time, checks, and stops it. */
async function check(
  dataDirs: readonly string[],
  writers: readonly Writer[],
): Promise<readonly LostWriteError[]> {
  const started = await start(dataDirs);
  try {
    return await checkAll(started, writers);
  } finally {
    await started.stop();
  }
}

function start(dataDirs: readonly string[]): Promise<Program> {
  return Program.start({
    servers: SERVERS,
    storage: { dataDir: dataDirs },
    flags: ['--snapshot-log-bytes', `${SNAPSHOT_LOG_BYTES}`, '--log-level', 'warn'],
  });
}

async function snapshotBegins(dataDirs: readonly string[]): Promise<boolean> {
  const files = Array.from({ length: SERVERS }, (_, id) =>
    join(dataDirs[id] ?? dataDirs[0] ?? '', `server-${id}`, 'snapshots', 'own.partial'),
  );
  const giveUpAtMs = performance.now() + SNAPSHOT_TIMEOUT_MS;
  while (performance.now() < giveUpAtMs) {
    const there = await Promise.all(
      files.map((file) =>
        access(file).then(
          () => true,
          () => false,
        ),
      ),
    );
    if (there.includes(true)) return true;
    await pause(1);
  }
  return false;
}
