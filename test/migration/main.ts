/**
 * `npm run migrate-test`: keys with values and deadlines go to etcd and back, killed in the middle again and again, and a cluster
 * under load is followed into etcd: all must be equal, and nothing be lost.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { Etcd, HAS_ETCD } from '../../tools/support/etcd-process.js';
import { followUnderLoad, roundTrip } from './moves.js';

const { keys, kills, seconds } = new Command('migrate-test')
  .description('Moves keys to etcd and back, and a cluster under load to etcd, and compares')
  .option('--keys <n>', 'how many', whole, 100_000)
  .option('--kills <n>', 'how often each move is killed', whole, 10)
  .option('--seconds <n>', 'how long clients write while a cluster is followed', whole, 20)
  .parse()
  .opts<{ keys: number; kills: number; seconds: number }>();

process.exitCode = await run();

async function run(): Promise<number> {
  if (!HAS_ETCD) {
    say('migrate-test: etcd is not installed');
    return 1;
  }
  let failures = 0;
  const moves = [
    ['to etcd and back', roundTrip],
    ['followed under load', followUnderLoad],
  ] as const;
  for (const [name, move] of moves) {
    const directory = await mkdtemp(join(tmpdir(), 'threadraft-migrate-'));
    const etcd = await Etcd.start();
    try {
      const followed = { loadMs: seconds * 1_000, kills: Math.min(kills, 2) };
      const options = { etcd, directory, keys, kills, say };
      const difference = await (move === roundTrip
        ? roundTrip(options)
        : followUnderLoad({ ...options, ...followed }));
      say(`${name}: ${keys} keys, ${difference ?? 'equal'}`);
      if (difference !== undefined) failures += 1;
    } finally {
      await etcd.stop();
      await rm(directory, { recursive: true, force: true });
    }
  }
  return failures === 0 ? 0 : 1;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function whole(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}
