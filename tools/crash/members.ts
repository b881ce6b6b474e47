/**
 * `npm run crash-test:members`: the built program is killed by SIGKILL at random moments of changes of its members, under load, and
 * started again on the same directory. Then the change must end, every acknowledged write must be on every server, and no term
 * may have had two leaders.
 */

import { randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Command } from 'commander';
import { dataDirsIn, Program } from '../support/program.js';
import { checkAll, lostWrite, secondLeaders, whole } from './checking.js';
import { Writer } from './writer.js';

const WRITERS = 6;
const FIRST_SERVERS = 3;
/** The ids that members are drawn from. */
const IDS = 5;
/** The kill comes this long after a change was asked for, or sooner: most are over by then. */
const MAX_MOMENT_MS = 600;
/** In one round of so many, new servers are killed, so that the change is given up or taken back. */
const NEW_DIE_EVERY = 4;
/** Small, so that new servers get a snapshot. */
const SNAPSHOT_LOG_BYTES = 300_000;

interface Arguments {
  readonly rounds: number;
  readonly apart: boolean;
}

const command = new Command('crash-test:members')
  .description('Kills the program while its members change, and checks that it goes on and nothing is lost')
  .option('--rounds <n>', 'how often', whole, 100)
  .option('--apart', 'with a data directory for each server', false)
  .parse();

process.exitCode = await run(command.opts<Arguments>());

async function run({ rounds, apart: isApart }: Arguments): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'threadraft-crash-'));
  const dataDirs = dataDirsIn(directory, { servers: FIRST_SERVERS, isApart });
  const writers = Array.from({ length: WRITERS }, (_, i) => new Writer(`w${i}`));
  const leaders = new Map<number, number>();
  let faults = 0;
  let round = 0;
  try {
    while (round < rounds && faults === 0) {
      round += 1;
      const { what, found } = await runRound(dataDirs, writers, { isFirst: round === 1, leaders });
      faults += found.length;
      process.stdout.write(`round ${round}: ${what}\n`);
      for (const line of found) process.stdout.write(`  wrong: ${line}\n`);
    }
  } finally {
    if (faults === 0 && round === rounds) await rm(directory, { recursive: true, force: true });
    else process.stdout.write(`the data is kept: ${directory}\n`);
  }
  const acknowledged = writers.reduce((sum, writer) => sum + writer.acknowledged, 0);
  process.stdout.write(
    `crash-test:members: ${round} rounds, ${acknowledged} acknowledged, ${leaders.size} terms, ${faults} faults\n`,
  );
  return faults === 0 ? 0 : 1;
}

interface Round {
  readonly isFirst: boolean;
  /** Who led each term so far. */
  readonly leaders: Map<number, number>;
}

/** Waits for what the last round left, checks it, begins a change, and kills the program. */
async function runRound(
  dataDirs: readonly string[],
  writers: readonly Writer[],
  { isFirst, leaders }: Round,
): Promise<{ readonly what: string; readonly found: readonly string[] }> {
  const program = await Program.start({
    servers: FIRST_SERVERS,
    isThere: !isFirst,
    storage: { dataDir: dataDirs },
    flags: ['--snapshot-log-bytes', `${SNAPSHOT_LOG_BYTES}`],
  });
  try {
    const voters = await program.untilMembersSettle();
    await program.waitFor(
      'only members are left, and run',
      ({ servers }) => servers.length === voters.length && servers.every(({ state }) => state === 'running'),
    );
    const found: string[] = (await checkAll(program, writers)).map(({ message }) => message);
    const writing = writers.map((writer) =>
      writer.writeUntilCut(program.routerPort).then(() => undefined, lostWrite),
    );
    const { what, isOver } = begin(program, voters);
    const moment = randomInt(MAX_MOMENT_MS);
    await pause(moment);
    await program.kill();
    await isOver;
    for (const lost of await Promise.all(writing)) if (lost !== undefined) found.push(lost.message);
    found.push(...secondLeaders(program.stderrTail, leaders));
    return { what: `killed ${moment} ms after ${what}`, found };
  } finally {
    if (!program.hasExited) await program.kill();
  }
}

/** Asks for a change that is drawn at random. */
function begin(
  program: Program,
  voters: readonly number[],
): { readonly what: string; readonly isOver: Promise<unknown> } {
  const [first = 0] = voters;
  if (voters.length >= 3 && randomInt(2) === 0) {
    const id = voters[randomInt(voters.length)] ?? first;
    return { what: `replacing ${id} of ${voters}`, isOver: program.replaceServer(id).catch(() => undefined) };
  }
  const drawn = Array.from({ length: IDS }, (_, id) => id).filter(() => randomInt(2) === 0);
  const wanted = drawn.length === 0 ? [first] : drawn;
  const isOver = program.changeMembers(wanted).catch(() => undefined);
  if (randomInt(NEW_DIE_EVERY) !== 0) return { what: `${voters} to ${wanted}`, isOver };
  const dying = wanted.filter((id) => !voters.includes(id));
  const killed = dying.map(async (id) => {
    await pause(randomInt(MAX_MOMENT_MS));
    await program.killServer(id);
  });
  return {
    what: `${voters} to ${wanted}, where ${dying} die`,
    isOver: Promise.allSettled([isOver, ...killed]),
  };
}
