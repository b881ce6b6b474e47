/**
 * `npm run chaos`: the built program under faults of every kind while real clients use it, and then the question whether
 * what they saw could have come from a single, reliable store.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { appendFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError, Option } from 'commander';
import { countOption, runTool, wholeNumber } from '../support/arguments.js';
import { newCertificateFiles } from '../support/certificates.js';
import { speakTls } from '../support/dial.js';
import { freePorts } from '../support/free-ports.js';
import { LongTurns } from '../support/long-turns.js';
import { dataDirsIn } from '../support/program.js';
import { nowNs } from './client.js';
import type { ClientsOptions, ClientsReport } from './clients.js';
import { FAULT_KINDS, type FaultKind } from './faults.js';
import { Health } from './health.js';
import { readHistory } from './history-file.js';
import { LeaderWatch } from './leaders.js';
import { Nemesis } from './nemesis.js';
import { compareReplicas } from './replicas.js';
import { judge, type Run } from './report.js';
import { BUILT_PROGRAM, Site } from './site.js';

const CLIENTS_SCRIPT = fileURLToPath(new URL('./clients.js', import.meta.url));
/** With all faults undone, clients go on for this long: longer than writes may take to be acknowledged again. */
const AFTERMATH_MS = 2_500;
/** Clients that are told to stop have ended by then. */
const CLIENTS_END_MS = 60_000;
const MAX_SERVERS = 9;
const MAX_KV_CLIENTS = 1_000;
/** By this number the reads at the end go in the history. */
const READER = 1_000_000;
const KEY_PREFIX = 'key-';
const START_NS = nowNs();
const MAX_SEED = 2 ** 31;

interface Arguments {
  readonly seconds: number;
  readonly servers: number;
  readonly clients: number;
  readonly kvClients: number;
  readonly watchers: number;
  readonly keys: number;
  readonly faults: readonly FaultKind[];
  readonly atOnce: boolean;
  readonly apart: boolean;
  readonly tls: boolean;
  readonly seed: number;
  readonly history?: string;
  readonly program: string;
  readonly discard: boolean;
}

const command = new Command('chaos')
  .description('Does faults to a cluster under load and checks that it is linearizable')
  .addOption(countOption('--seconds <n>', 'how long', 60))
  .addOption(countOption('--servers <n>', `1 to ${MAX_SERVERS}`, 5).argParser(wholeNumber(1, MAX_SERVERS)))
  .addOption(countOption('--clients <n>', 'how many, each with one operation at a time', 20))
  .addOption(
    countOption('--kv-clients <n>', 'how many more are KvClients, which count up, too', 4).argParser(
      wholeNumber(0, MAX_KV_CLIENTS),
    ),
  )
  .addOption(
    countOption('--watchers <n>', 'how many watch the keys', 4).argParser(wholeNumber(0, MAX_KV_CLIENTS)),
  )
  .addOption(countOption('--keys <n>', 'how many they share', 8))
  .addOption(
    new Option('--faults <kinds>', 'with commas between them')
      .default(FAULT_KINDS, FAULT_KINDS.join(','))
      .argParser(faultKinds),
  )
  .addOption(
    new Option('--at-once', 'one of each kind at a time: of network, servers, disks, clock, clients').default(
      false,
    ),
  )
  .addOption(new Option('--apart', 'a data directory for each server').default(false))
  .addOption(new Option('--tls', 'all that is said to the program is said over TLS').default(false))
  .addOption(
    new Option('--seed <n>', 'of the schedule')
      .default(Math.floor(Math.random() * MAX_SEED), 'any one')
      .argParser(wholeNumber(0, MAX_SEED)),
  )
  .addOption(new Option('--history <file>', 'keeps the history, as JSON lines'))
  .addOption(
    new Option('--program <file>', 'a script to run instead').default(BUILT_PROGRAM, 'the built program'),
  )
  .addOption(new Option('--discard', 'keeps nothing, also when something is wrong').default(false));

await runTool(command, () => run(command.opts<Arguments>()));

async function run(args: Arguments): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'threadraft-chaos-'));
  const historyPath = args.history ?? join(directory, 'history.jsonl');
  process.stdout.write(`seed ${args.seed}; again: npm run chaos -- ${again(args)}\n`);
  const observed = await torment(args, directory, historyPath).catch(async (error: unknown) => {
    if (args.discard) await rm(directory, { recursive: true, force: true });
    else process.stdout.write(`kept: ${directory}\n`);
    throw error;
  });
  const verdict = judge({ ...observed, startNs: START_NS, lines: await readHistory(historyPath) });
  process.stdout.write(`${verdict.report.join('\n')}\n`);
  if (verdict.isRight || args.discard) await rm(directory, { recursive: true, force: true });
  else {
    process.stdout.write(`kept: ${directory}\n`);
    for (const [place, drawing] of verdict.drawings.entries()) {
      const path = join(directory, `violation-${place + 1}.svg`);
      await writeFile(path, drawing);
      process.stdout.write(`drawn: ${path}\n`);
    }
  }
  process.stdout.write(`${verdict.lastLine}\n`);
  return verdict.isRight ? 0 : 1;
}

/** Runs the program, its clients and the faults, and leaves the history in its file. */
async function torment(
  args: Arguments,
  directory: string,
  historyPath: string,
): Promise<Omit<Run, 'lines' | 'startNs'>> {
  const health = new Health(args.servers, nowNs);
  const faultsDir = join(directory, 'faults');
  await mkdir(faultsDir);
  const port = await freePorts();
  const turns = await LongTurns.open();
  const tls = args.tls ? await newCertificateFiles() : undefined;
  if (tls !== undefined) speakTls(tls.ca);
  const site = new Site({
    tls,
    servers: args.servers,
    port,
    dataDirs: dataDirsIn(directory, { servers: args.servers, isApart: args.apart }),
    faultsDir,
    health,
    turns,
    entry: args.program,
  });
  const keys = Array.from({ length: args.keys }, (_, i) => `${KEY_PREFIX}${i}`);
  let clients: ChildProcess | undefined;
  try {
    await site.start();
    const program = await site.program();
    const ids = args.faults.includes('members') ? site.slots : site.ids;
    const ports = [...ids.map((id) => program.portOf(id)), program.routerPort];
    const { clients: count, kvClients, watchers, seed } = args;
    clients = startClients({
      clients: count,
      kvClients,
      watchers,
      watchedPrefix: KEY_PREFIX,
      keys,
      ports,
      seed,
      historyPath,
    });
    const nemesis = new Nemesis({
      site,
      seed: args.seed,
      kinds: args.faults,
      allAtOnce: args.atOnce,
      onFault: tell,
    });
    const leaders = new LeaderWatch();
    const statuses = createWriteStream(join(directory, 'statuses.jsonl'));
    const watched = (over: AbortSignal) =>
      leaders.run(site, (status) => statuses.write(`${runMs()} ${JSON.stringify(status)}\n`), over);
    await Promise.race([duringFaults(args.seconds, nemesis, watched), earlyEnd(clients)]);
    statuses.end();
    await pause(AFTERMATH_MS);
    const intervals = health.intervals();
    const told = await stopClients(clients);
    for (const finding of told.findings) tell(finding);
    const { differences, reads } = await compareReplicas(site, keys, READER);
    await appendFile(historyPath, reads.map((line) => `${JSON.stringify(line)}\n`).join(''));
    await site.stop();
    const { faults, recoveries } = nemesis;
    return { faults, recoveries, intervals, leaders, differences, told, turns: turns.take() };
  } catch (error) {
    clients?.kill('SIGKILL');
    await site.destroy();
    throw error;
  } finally {
    await tls?.remove();
    await turns.remove();
  }
}

async function duringFaults(
  seconds: number,
  nemesis: Nemesis,
  watch: (over: AbortSignal) => Promise<void>,
): Promise<void> {
  const over = new AbortController();
  const end = setTimeout(() => over.abort(), seconds * 1_000);
  const watched = watch(over.signal);
  try {
    await Promise.all([nemesis.run(over.signal), watched, once(over.signal, 'abort')]);
  } finally {
    clearTimeout(end);
    over.abort();
    await watched.catch(() => undefined);
  }
}

function startClients(options: ClientsOptions): ChildProcess {
  return fork(CLIENTS_SCRIPT, [JSON.stringify(options)]);
}

/** Rejects when the clients end by themselves. */
async function earlyEnd(clients: ChildProcess): Promise<never> {
  await once(clients, 'close');
  throw new Error(`the clients ended with exit code ${clients.exitCode}`);
}

/** Resolves to what the clients found wrong by themselves. Rejects when they fail. */
async function stopClients(clients: ChildProcess): Promise<ClientsReport> {
  const closed = once(clients, 'close');
  let report: ClientsReport | undefined;
  clients.once('message', (message: ClientsReport) => {
    report = message;
  });
  clients.send('stop');
  // Where nobody leads any more, some wait for ever.
  const giveUp = setTimeout(() => clients.kill('SIGKILL'), CLIENTS_END_MS);
  await closed;
  clearTimeout(giveUp);
  if (clients.exitCode !== 0 || report === undefined)
    throw new Error(`the clients ended with exit code ${clients.exitCode}`);
  return report;
}

function tell(what: string): void {
  process.stdout.write(`${runMs().padStart(8)} ms  ${what}\n`);
}

/** Whole ms since the run began. */
function runMs(): string {
  return ((nowNs() - START_NS) / 1e6).toFixed(0);
}

function again(args: Arguments): string {
  const { seconds, servers, clients, kvClients, watchers, keys, faults, atOnce, apart, tls, seed } = args;
  const kinds = faults.length === FAULT_KINDS.length ? '' : ` --faults ${faults.join(',')}`;
  const chosen = `${kinds}${atOnce ? ' --at-once' : ''}${apart ? ' --apart' : ''}${tls ? ' --tls' : ''}`;
  return `--seconds ${seconds} --servers ${servers} --clients ${clients} --kv-clients ${kvClients} --watchers ${watchers} --keys ${keys}${chosen} --seed ${seed}`;
}

function faultKinds(text: string): FaultKind[] {
  return text.split(',').map((name) => {
    const kind = FAULT_KINDS.find((one) => one === name);
    if (kind === undefined) throw new InvalidArgumentError(`It must be some of ${FAULT_KINDS.join(',')}.`);
    return kind;
  });
}
