/**
 * `npm run bench:attacks`: how much longer clients wait for their replies while strangers do what they can to a port. Prints the
 * 99th percentile alone and during each attack, in turns, for clients of the router and of the leader, and fails where its median
 * is more than twice as long, or where a client is told an error.
 */

import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Command } from 'commander';
import { countOption, runTool } from '../support/arguments.js';
import { newCertificateFiles } from '../support/certificates.js';
import { http } from '../support/http.js';
import { Program } from '../support/program.js';
import { median } from '../support/statistics.js';
import { Attackers } from './attacks/attackers.js';
import {
  type Attack,
  CERTIFICATE_ATTACKS,
  DESCRIPTOR_ATTACKS,
  PLAIN_ATTACKS,
  TLS_ATTACKS,
  type Victim,
} from './attacks/attacks.js';
import { GeneratorProcess } from './load/generator-process.js';
import type { RoundResult, Workload } from './load/workload.js';
import { table } from './table.js';

const MAX_RATIO = 2;
const PASSWORD = 'known-to-some';
const CONNECTIONS = 10;
const KEYSPACE = { keys: 1_000, valueBytes: 64 };
/** Fewer than a "holds" attack opens, so that it meets the limit. */
const MAX_CONNECTIONS = 250;
/** More than the program has open when it is ready, and fewer than a "holds" attack opens. */
const DESCRIPTORS = 300;
/** From the clients' connections on: the attack begins, and its own connections are made. */
const ATTACK_BEGINS_MS = 300;
const RENEW_EVERY_MS = 100;

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

const HEAD = ['port', 'attack', 'p99 ms alone', 'p99 ms during', 'times', 'errors'];

/** A program, who attacks it, and how its clients come. */
interface Scene {
  readonly attacks: Readonly<Record<string, Attack>>;
  readonly flags: readonly string[];
  readonly client: Pick<Workload, 'ca' | 'identity' | 'greeting'>;
  /** Done once the program is ready. */
  readonly prepare?: (program: Program) => Promise<unknown>;
  /** Done again and again during its attacks. */
  readonly meanwhile?: (program: Program) => Promise<unknown>;
}

await runTool(command, async () => {
  const args = command.opts<Arguments>();
  const directory = await mkdtemp(join(tmpdir(), 'threadraft-attacks-'));
  const passwordFile = join(directory, 'password');
  await writeFile(passwordFile, PASSWORD);
  const plain = await newCertificateFiles();
  const asking = await newCertificateFiles({ asksClients: true });
  const limit = ['--max-connections', `${MAX_CONNECTIONS}`];
  const scenes: readonly Scene[] = [
    {
      attacks: PLAIN_ATTACKS,
      flags: [...limit, '--password-file', passwordFile],
      client: { greeting: `AUTH ${PASSWORD}` },
    },
    { attacks: DESCRIPTOR_ATTACKS, flags: [], client: {}, prepare: takeDescriptors },
    {
      attacks: TLS_ATTACKS,
      flags: [...limit, ...plain.flags],
      client: { ca: plain.ca },
      meanwhile: async ({ pid }) => {
        await plain.renew();
        process.kill(pid, 'SIGHUP');
      },
    },
    {
      attacks: CERTIFICATE_ATTACKS,
      flags: [...limit, ...asking.flags],
      client: { ca: asking.ca, identity: asking.identity },
    },
  ];
  try {
    const rows: Row[] = [];
    for (const scene of scenes) rows.push(...(await play(scene, args)));
    process.stdout.write(`${table([HEAD, ...rows.map(({ cells }) => cells)])}\n`);
    return rows.every(({ isGood }) => isGood) ? 0 : 1;
  } finally {
    await Promise.all([plain.remove(), asking.remove()]);
    await rm(directory, { recursive: true, force: true });
  }
});

interface Row {
  readonly cells: readonly string[];
  readonly isGood: boolean;
}

async function play(scene: Scene, args: Arguments): Promise<Row[]> {
  const { flags, client, attacks, prepare } = scene;
  const names = Object.keys(attacks).filter((name) => name.includes(args.only ?? ''));
  if (names.length === 0) return [];
  const program = await Program.start({
    storage: 'memory',
    flags: ['--log-level', 'error', ...flags],
    ca: client.ca,
  });
  const attackers = new Attackers();
  const generator = new GeneratorProcess();
  try {
    await prepare?.(program);
    const rows: Row[] = [];
    for (const [port, clientPort] of [
      ['router', program.routerPort],
      ['leader', await leaderPort(program, client.ca)],
    ] as const) {
      if (clientPort === undefined) continue;
      const victim: Victim = { clientPort, httpPort: program.httpPort, ca: client.ca };
      for (const attack of names) {
        const row = await measure({ attack, victim, port }, { args, scene, program, generator, attackers });
        process.stderr.write(`${row.cells.join('  ')}\n`);
        rows.push(row);
      }
    }
    return rows;
  } finally {
    attackers.close();
    await generator.close();
    await program.stop();
  }
}

/** The client port of the server that leads; undefined where none does, or who asks has to show a certificate. */
async function leaderPort({ httpPort, serverPorts }: Program, ca?: string): Promise<number | undefined> {
  const headers = { Authorization: `Bearer ${PASSWORD}` };
  const { status, text } = await http(httpPort, 'GET /api/status', { headers, ca });
  const { leader = null }: { readonly leader?: number | null } = status === 200 ? JSON.parse(text) : {};
  return leader === null ? undefined : serverPorts[leader];
}

/** Leaves the program so few descriptors that attackers can take all. */
function takeDescriptors({ pid }: Program): Promise<unknown> {
  return promisify(execFile)('prlimit', [`--pid=${pid}`, `--nofile=${DESCRIPTORS}:${DESCRIPTORS}`]);
}

interface Stage {
  readonly args: Arguments;
  readonly scene: Scene;
  readonly program: Program;
  readonly generator: GeneratorProcess;
  readonly attackers: Attackers;
}

async function measure(
  { attack, victim, port }: { readonly attack: string; readonly victim: Victim; readonly port: string },
  { args, scene, program, generator, attackers }: Stage,
): Promise<Row> {
  const workload = workloadOf(victim, scene.client, args.seconds);
  const alone: RoundResult[] = [];
  const during: RoundResult[] = [];
  await generator.run({ ...workload, operation: 'set' });
  for (let count = 0; count < args.rounds; count += 1) {
    alone.push(await generator.run(workload));
    const renewing = attack.includes('renewed')
      ? setInterval(() => void scene.meanwhile?.(program), RENEW_EVERY_MS)
      : undefined;
    let begun: Promise<void> | undefined;
    // Clients that are there before the attackers stay.
    during.push(
      await generator.run(workload, () => {
        begun ??= attackers.order({ attack, victim });
      }),
    );
    await begun;
    clearInterval(renewing);
    await attackers.order({});
  }
  return rowOf([port, attack], alone, during);
}

function workloadOf({ clientPort: port }: Victim, client: Scene['client'], seconds: number): Workload {
  return {
    ...client,
    port,
    connections: CONNECTIONS,
    depth: 1,
    operation: 'mixed',
    protocol: 'resp',
    keyspace: KEYSPACE,
    pauseMs: ATTACK_BEGINS_MS,
    limit: { type: 'seconds', seconds },
  };
}

function rowOf(names: readonly string[], alone: readonly RoundResult[], during: readonly RoundResult[]): Row {
  const p99Ms = (rounds: readonly RoundResult[]) =>
    median(rounds.map(({ latencyUs }) => latencyUs.p99)) / 1_000;
  const ratio = p99Ms(during) / p99Ms(alone);
  const errors = [...new Set(during.flatMap((result) => Object.keys(result.errors)))];
  const isGood = ratio <= MAX_RATIO && errors.length === 0;
  const cells = [
    ...names,
    ...[p99Ms(alone).toFixed(2), p99Ms(during).toFixed(2), ratio.toFixed(2)],
    errors.length === 0 ? 'none' : errors.map((error) => JSON.stringify(error.slice(0, 60))).join(' '),
  ];
  return { cells, isGood };
}
