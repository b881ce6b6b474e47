/**
 * `npm run bench:limits`: what becomes of the program's memory, and of the latency of modest clients, while others go to
 * its limits: clients that never read, clients that never stop sending, no quorum, a follower that stands still, and very
 * many idle connections.
 */

import { Command } from 'commander';
import { LEADER_WAIT_MS } from '../../src/time-limits.js';
import { countOption, runTool } from '../support/arguments.js';
import { memoryBoundBytes } from '../support/memory-bound.js';
import { median } from '../support/statistics.js';
import { TextClient } from '../support/text-client.js';
import { IdleConnections } from './limits/idle-connections.js';
import { SERVERS, Site } from './limits/site.js';
import type { RoundResult } from './load/workload.js';

interface Arguments {
  readonly rude: number;
  readonly seconds: number;
  readonly standstill: number;
  readonly idle: number;
  readonly rounds: number;
  readonly only?: string;
}

const MIB = 1024 * 1024;
/** The store is small: what is written again and again are the same few keys. */
const STORE_BYTES = 16 * MIB;

/** 99 of 100 commands of modest clients are answered within this time, whatever others do; without a leader this much later. */
const TIMEOUT_MS = 1_000;
const CATCH_UP_MS = 10_000;

const LEAST_THROUGHPUT_RATIO = 0.8;
/** Beside those of the idle connections. */
const OTHER_DESCRIPTORS = 500;

const LARGE_VALUE = 'v'.repeat(64 * 1024);
const KIBIBYTE = 'v'.repeat(1024);

const command = new Command('bench:limits')
  .description('Goes to the limits, and measures memory and what modest clients notice')
  .addOption(countOption('--rude <count>', 'clients that go to the limits', 20))
  .addOption(countOption('--seconds <count>', 'for how long', 10))
  .addOption(countOption('--standstill <seconds>', 'for how long a follower stands still', 30))
  .addOption(countOption('--idle <count>', 'idle connections', 10_000))
  .addOption(countOption('--rounds <count>', 'rounds with and without them', 5))
  .option('--only <name>', 'one of the situations');

/** Returns what is wrong, if anything. */
type Situation = (site: Site, options: Arguments) => Promise<readonly string[]>;

const SITUATIONS: Readonly<Record<string, Situation>> = {
  'never-read': (site, options) =>
    beside(site, options, { commands: 'get large\r\n'.repeat(1_000), reads: false }),
  'never-read-small': (site, options) =>
    beside(site, options, { commands: 'get none\r\n'.repeat(1_000), reads: false }),
  'send-forever': (site, options) =>
    beside(site, options, { commands: `set kept 0 1024\r\n${KIBIBYTE}\r\n`.repeat(16), reads: false }),
  'send-forever-small': (site, options) =>
    beside(site, options, { commands: 'set kept 0 1 noreply\r\nv\r\n'.repeat(1_000), reads: false }),
  'no-quorum': withoutQuorum,
  standstill,
  'idle-connections': besideIdle,
};

await runTool(command, async () => {
  const options = command.opts<Arguments>();
  const chosen = Object.entries(SITUATIONS).filter(([name]) => name === (options.only ?? name));
  if (chosen.length === 0) throw new Error(`--only: one of ${Object.keys(SITUATIONS).join(', ')}`);
  let broken = 0;
  for (const [name, situation] of chosen) {
    print(`${name}`);
    const site = await Site.open();
    try {
      const wrong = await situation(site, options);
      for (const what of wrong) print(`  BROKEN ${what}`);
      broken += wrong.length;
    } finally {
      await site.close();
    }
  }
  return broken === 0 ? 0 : 1;
});

/** Modest clients beside rude ones. */
async function beside(
  site: Site,
  { rude: clients, seconds }: Arguments,
  rudeness: { readonly commands: string; readonly reads: boolean },
): Promise<readonly string[]> {
  const { rude, program } = site;
  const client = await TextClient.connect(program.routerPort);
  await client.set('large', LARGE_VALUE);
  client.close();
  report('alone', await site.modest(seconds));
  await rude.open({ port: program.routerPort, clients, ...rudeness });
  const result = await site.modest(seconds);
  report(`beside ${clients} of them`, result);
  const bound = memoryBoundBytes({ servers: SERVERS, greedyClients: clients, storeBytes: STORE_BYTES });
  return [...checkMemory(site, bound), ...checkLatency(result, TIMEOUT_MS)];
}

/** Every server is cut off from every other, and clients go on sending. */
async function withoutQuorum(site: Site, { rude: clients, seconds }: Arguments): Promise<readonly string[]> {
  const { rude, program } = site;
  report('alone', await site.modest(seconds));
  await program.partition(Array.from({ length: SERVERS }, (_, id) => [id]));
  const commands = 'set kept 0 1\r\nv\r\nget kept\r\n'.repeat(500);
  await rude.open({ port: program.routerPort, clients, commands, reads: true });
  const result = await site.modest(seconds);
  report(`without a quorum, beside ${clients} that send forever`, result);
  rude.close();
  await program.heal();
  const healedMs = performance.now();
  await program.leader();
  print(`  a leader ${(performance.now() - healedMs).toFixed(0)} ms after there was a quorum again`);
  const bound = memoryBoundBytes({ servers: SERVERS, greedyClients: clients, storeBytes: STORE_BYTES });
  return [...checkMemory(site, bound), ...checkLatency(result, LEADER_WAIT_MS + TIMEOUT_MS)];
}

/** A follower's thread is blocked under load. */
async function standstill(site: Site, { standstill: seconds }: Arguments): Promise<readonly string[]> {
  const { program } = site;
  const measure = async (name: string, lastsSeconds: number) => {
    const [modest, busy] = await Promise.all([site.modest(lastsSeconds), site.busy(lastsSeconds)]);
    report(`${name}, beside ${Math.round(busy.requestsPerSecond)} writes/s`, modest);
    return modest;
  };
  await measure('all servers', Math.min(seconds, 10));
  const follower = ((await program.leader()) + 1) % SERVERS;
  const paused = program.pauseServer(follower, seconds * 1_000);
  const result = await measure('a follower stands still', seconds);
  await paused;
  const goesOnMs = performance.now();
  await program.waitFor(
    'the follower has caught up',
    ({ leader, servers }) =>
      (servers[follower]?.lastApplied ?? 0) >=
      (servers[leader ?? -1]?.commitIndex ?? Number.POSITIVE_INFINITY),
    60_000,
  );
  const caughtUpMs = performance.now() - goesOnMs;
  print(`  caught up ${caughtUpMs.toFixed(0)} ms after it went on`);
  const bound = memoryBoundBytes({ servers: SERVERS, greedyClients: 0, storeBytes: STORE_BYTES });
  return [
    ...checkMemory(site, bound),
    ...checkLatency(result, TIMEOUT_MS),
    ...(caughtUpMs > CATCH_UP_MS ? [`caught up only after ${caughtUpMs.toFixed(0)} ms`] : []),
  ];
}

/** Busy clients beside idle connections, in turns with and without. */
async function besideIdle(
  site: Site,
  { idle: count, rounds, seconds }: Arguments,
): Promise<readonly string[]> {
  const { program } = site;
  requireDescriptors(count + OTHER_DESCRIPTORS);
  const idle = new IdleConnections();
  const ratios: number[] = [];
  try {
    await site.busy(seconds);
    for (let round = 1; round <= rounds; round += 1) {
      const without = await site.busy(seconds);
      await idle.resize(program.routerPort, count);
      const withIdle = await site.busy(seconds);
      await idle.resize(program.routerPort, 0);
      ratios.push(withIdle.requestsPerSecond / without.requestsPerSecond);
      report(`round ${round} without`, without);
      report(`round ${round} beside ${count}`, withIdle);
    }
  } finally {
    await idle.close();
  }
  const ratio = median(ratios);
  print(`  throughput beside them: ${ratio.toFixed(2)} times that without`);
  const bound = memoryBoundBytes({
    servers: SERVERS,
    greedyClients: 0,
    idleClients: count,
    storeBytes: STORE_BYTES,
  });
  return [
    ...checkMemory(site, bound),
    ...(ratio < LEAST_THROUGHPUT_RATIO ? [`throughput below ${LEAST_THROUGHPUT_RATIO}`] : []),
  ];
}

/** Node has raised the soft limit to the hard one when it started. */
function requireDescriptors(count: number): void {
  const { open_files: limit } = userLimits();
  if (Number(limit.soft) >= count || limit.soft === 'unlimited') return;
  throw new Error(
    `${count} open files are needed and ${limit.soft} allowed: use ulimit -n, or a lower --idle`,
  );
}

function userLimits(): { readonly open_files: { readonly soft: number | 'unlimited' } } {
  const report: unknown = process.report.getReport();
  return JSON.parse(JSON.stringify(report)).userLimits;
}

function checkMemory(site: Site, boundBytes: number): readonly string[] {
  const { peakBytes } = site;
  print(`  memory of the program at most ${mib(peakBytes)} MiB, bound ${mib(boundBytes)} MiB`);
  return peakBytes > boundBytes ? ['memory over its bound'] : [];
}

function checkLatency({ latencyUs: { p99 } }: RoundResult, boundMs: number): readonly string[] {
  return p99 > boundMs * 1_000 ? [`p99 was ${(p99 / 1_000).toFixed(0)} ms, bound ${boundMs} ms`] : [];
}

function report(name: string, { requestsPerSecond, latencyUs: { p50, p99, max } }: RoundResult): void {
  const rate = `${Math.round(requestsPerSecond)} requests/s`;
  print(`  ${name}: ${rate}, p50 ${p50} µs, p99 ${p99} µs, max ${max} µs`);
}

function mib(bytes: number): string {
  return (bytes / MIB).toFixed(0);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
