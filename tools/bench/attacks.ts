/**
 * `npm run bench:attacks`: how much longer clients wait for their replies while strangers do what they can to a port. Prints the
 * 99th percentile alone and during each attack, in turns, and fails where its median is more than twice as long, or where a
 * client is told an error.
 */

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { countOption, runTool } from '../support/arguments.js';
import { newCertificateFiles } from '../support/certificates.js';
import { Program } from '../support/program.js';
import { median } from '../support/statistics.js';
import type { Order } from './attacks/attackers-process.js';
import { PLAIN_ATTACKS, TLS_ATTACKS, type Victim } from './attacks/attacks.js';
import { GeneratorProcess } from './load/generator-process.js';
import type { RoundResult, Workload } from './load/workload.js';
import { table } from './table.js';

const ATTACKERS = fileURLToPath(new URL('./attacks/attackers-process.js', import.meta.url));
const MAX_RATIO = 2;
const PASSWORD = 'known-to-some';
const CONNECTIONS = 10;
const KEYSPACE = { keys: 1_000, valueBytes: 64 };
/** Fewer than a "holds" attack opens, so that it meets the limit. */
const MAX_CONNECTIONS = 250;

interface Arguments {
  readonly rounds: number;
  readonly seconds: number;
  readonly only?: string;
}

const command = new Command('bench:attacks')
  .description('What clients notice while strangers attack a port')
  .addOption(countOption('--rounds <count>', 'of each attack', 5))
  .addOption(countOption('--seconds <count>', 'of each round, with the attack and without', 1))
  .option('--only <text>', 'attacks with this in their names');

const HEAD = ['attack', 'p99 ms alone', 'p99 ms during', 'times', 'errors'];

await runTool(command, async () => {
  const args = command.opts<Arguments>();
  const directory = await mkdtemp(join(tmpdir(), 'threadraft-attacks-'));
  const passwordFile = join(directory, 'password');
  await writeFile(passwordFile, PASSWORD);
  const certificate = await newCertificateFiles();
  const common = { storage: 'memory' as const };
  const limit = ['--log-level', 'error', '--max-connections', `${MAX_CONNECTIONS}`];
  try {
    const plain = await Program.start({ ...common, flags: [...limit, '--password-file', passwordFile] });
    const rows = await measureAll(plain, undefined, PLAIN_ATTACKS, args).finally(() => plain.stop());
    const { ca, flags } = certificate;
    const secured = await Program.start({ ...common, flags: [...limit, ...flags], ca });
    rows.push(...(await measureAll(secured, ca, TLS_ATTACKS, args).finally(() => secured.stop())));
    process.stdout.write(`${table([HEAD, ...rows.map(({ cells }) => cells)])}\n`);
    return rows.every(({ isGood }) => isGood) ? 0 : 1;
  } finally {
    await certificate.remove();
    await rm(directory, { recursive: true, force: true });
  }
});

interface Row {
  readonly cells: readonly string[];
  readonly isGood: boolean;
}

async function measureAll(
  { routerPort, httpPort }: Program,
  ca: string | undefined,
  attacks: Readonly<Record<string, unknown>>,
  { rounds, seconds, only = '' }: Arguments,
): Promise<Row[]> {
  const victim: Victim = { routerPort, httpPort, ca };
  const generator = new GeneratorProcess();
  const attackers = fork(ATTACKERS, { execArgv: [] });
  const order = async (what: Order) => {
    attackers.send(what);
    await once(attackers, 'message');
  };
  const round = () => generator.run(workloadOf(victim, seconds), () => undefined);
  const rows: Row[] = [];
  try {
    await generator.run({ ...workloadOf(victim, seconds), operation: 'set' }, () => undefined);
    for (const attack of Object.keys(attacks).filter((name) => name.includes(only))) {
      const alone: RoundResult[] = [];
      const during: RoundResult[] = [];
      for (let count = 0; count < rounds; count += 1) {
        alone.push(await round());
        await order({ attack, victim });
        during.push(await round());
        await order({});
      }
      rows.push(rowOf(attack, alone, during));
      process.stderr.write(`${rows.at(-1)?.cells.join('  ')}\n`);
    }
    return rows;
  } finally {
    await generator.close();
    attackers.kill();
  }
}

function workloadOf({ routerPort: port, ca }: Victim, seconds: number): Workload {
  return {
    ...{
      port,
      ca,
      connections: CONNECTIONS,
      depth: 1,
      operation: 'mixed',
      protocol: 'resp',
      keyspace: KEYSPACE,
    },
    // A program without a password tells an error, and is asked for none.
    ...(ca === undefined ? { greeting: `AUTH ${PASSWORD}` } : {}),
    limit: { type: 'seconds', seconds },
  };
}

function rowOf(attack: string, alone: readonly RoundResult[], during: readonly RoundResult[]): Row {
  const p99Ms = (rounds: readonly RoundResult[]) =>
    median(rounds.map(({ latencyUs }) => latencyUs.p99)) / 1_000;
  const ratio = p99Ms(during) / p99Ms(alone);
  const errors = during.flatMap((result) => Object.keys(result.errors)).length;
  const isGood = ratio <= MAX_RATIO && errors === 0;
  const cells = [attack, p99Ms(alone).toFixed(2), p99Ms(during).toFixed(2), ratio.toFixed(2), `${errors}`];
  return { cells, isGood };
}
