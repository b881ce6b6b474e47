/**
 * `npm run migrate-test`: keys with values and deadlines go to etcd and back, killed in the middle again and again, and a cluster
 * under load is followed into etcd: all must be equal, and nothing be lost.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { Etcd, HAS_ETCD } from '../../tools/support/etcd-process.js';
import { followEtcdUnderLoad, followUnderLoad, type RoundTrip, roundTrip } from './moves.js';

const MS_PER_S = 1_000;
const MOVES = ['there', 'back', 'followed', 'followed-back'] as const;
type Move = (typeof MOVES)[number];

const { keys, kills, seconds, moves } = new Command('migrate-test')
  .description('Moves keys to etcd and back, and a cluster under load to etcd, and compares')
  .option('--keys <n>', 'how many', whole, 100_000)
  .option('--kills <n>', 'how often each move is killed', whole, 10)
  .option('--seconds <n>', 'how long clients write while a cluster is followed', whole, 20)
  .addOption(
    new Option(
      '--moves <moves...>',
      'killed on the way there or back, or followed under load to etcd or back',
    )
      .choices(MOVES)
      .default(MOVES),
  )
  .parse()
  .opts<{ keys: number; kills: number; seconds: number; moves: readonly Move[] }>();

process.exitCode = await run();

async function run(): Promise<number> {
  if (!HAS_ETCD) {
    say('migrate-test: etcd is not installed');
    return 1;
  }
  let failures = 0;
  for (const move of moves) {
    const directory = await mkdtemp(join(tmpdir(), 'threadraft-migrate-'));
    const etcd = await Etcd.start();
    try {
      const difference = await moved(move, { etcd, directory, keys, say });
      say(`${move}: ${keys} keys, ${difference ?? 'equal'}`);
      if (difference !== undefined) failures += 1;
    } finally {
      await etcd.stop();
      await rm(directory, { recursive: true, force: true });
    }
  }
  return failures === 0 ? 0 : 1;
}

/** Resolves to the first difference; undefined without one. */
function moved(move: Move, run: Pick<RoundTrip, 'etcd' | 'directory' | 'keys' | 'say'>) {
  const load = { loadMs: seconds * MS_PER_S, kills: Math.min(kills, 2) };
  if (move === 'followed') return followUnderLoad({ ...run, ...load });
  if (move === 'followed-back') return followEtcdUnderLoad({ ...run, ...load });
  return roundTrip({ ...run, kills: { there: 0, back: 0, [move]: kills } });
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function whole(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}
