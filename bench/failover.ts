/**
 * `npm run bench:failover`: how long clients wait for the next leader after the leader's thread was terminated.
 *
 * Each round sends the order to kill the leader and, at the same moment, a write through the router and one to the other
 * servers in turn. Some more clients write all the time. What counts is the time from the order to the acknowledgement.
 */

import { SingleBar } from 'cli-progress';
import { Command, InvalidArgumentError } from 'commander';
import { Program } from './program.js';
import { at, median } from './statistics.js';
import { TextConnection } from './text-connection.js';

interface Arguments {
  readonly rounds: number;
  readonly servers: number;
  readonly clients: number;
}

interface Round {
  readonly routerMs: number;
  readonly directMs: number;
}

/** A client that never stops writing, and the last version that it was told of. */
class Writer {
  readonly key: string;
  acknowledged = 0;
  #isStopped = false;
  readonly #running: Promise<void>;

  constructor(key: string, port: number) {
    this.key = key;
    this.#running = this.#run(port);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  async #run(port: number): Promise<void> {
    const connection = await TextConnection.open(port);
    while (connection?.isOpen && !this.#isStopped) {
      this.acknowledged = (await connection.set(this.key, 'value')) ?? this.acknowledged;
    }
    connection?.close();
  }
}

const program = new Command('bench:failover')
  .description('Measures the time from the death of a leader to the first write that another accepts')
  .option('--rounds <count>', 'leaders to kill', whole, 30)
  .option('--servers <count>', 'servers of the cluster', whole, 3)
  .option('--clients <count>', 'clients that write all the time', whole, 8)
  .parse();

await run(program.opts<Arguments>()).catch((error: unknown) => {
  process.stderr.write(`bench:failover: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});

async function run({ rounds, servers, clients }: Arguments): Promise<void> {
  const cluster = await Program.start({ servers });
  try {
    const writers = Array.from({ length: clients }, (_, i) => new Writer(`writer:${i}`, cluster.routerPort));
    const bar = new SingleBar({ format: '{bar} {value}/{total} leaders killed', stream: process.stderr });
    if (process.stderr.isTTY) bar.start(rounds, 0);
    const results: Round[] = [];
    for (let i = 0; i < rounds; i += 1) {
      results.push(await killLeader(cluster, i));
      bar.increment();
    }
    bar.stop();
    await Promise.all(writers.map((writer) => writer.stop()));
    report(results, await lostBy(cluster, writers));
  } finally {
    await cluster.stop();
  }
}

async function killLeader(cluster: Program, round: number): Promise<Round> {
  const leader = await cluster.leader();
  const router = await TextConnection.open(cluster.routerPort);
  const others: TextConnection[] = [];
  for (let id = 0; id < cluster.servers; id += 1) {
    const connection = id === leader ? undefined : await TextConnection.open(cluster.serverPort(id));
    if (connection !== undefined) others.push(connection);
  }
  const startMs = performance.now();
  const killed = cluster.post(`servers/${leader}/kill`);
  const [routerMs, directMs] = await Promise.all([
    accepted(router === undefined ? [] : [router], `router:${round}`, startMs),
    accepted(others, `direct:${round}`, startMs),
    killed,
  ]);
  for (const connection of [router, ...others]) connection?.close();
  if (!(await cluster.post(`servers/${leader}/restart`))) throw new Error(`server ${leader} did not restart`);
  await caughtUp(cluster);
  return { routerMs, directMs };
}

/** Ms from `startMs` until one of the connections, tried in turn, has a write acknowledged. */
async function accepted(
  connections: readonly TextConnection[],
  key: string,
  startMs: number,
): Promise<number> {
  while (connections.some(({ isOpen }) => isOpen)) {
    for (const connection of connections) {
      if ((await connection.set(key, 'value')) !== undefined) return performance.now() - startMs;
    }
    await pause(1);
  }
  throw new Error('no connection is left to write on');
}

/** Resolves once all servers run and have applied nearly everything, so that the next round starts like the first. */
async function caughtUp(cluster: Program): Promise<void> {
  while (true) {
    const applied = await cluster.appliedIndexes();
    if (applied.length === cluster.servers && Math.max(...applied) - Math.min(...applied) < 100) return;
    await pause(5);
  }
}

/** The keys whose acknowledged writes are no longer there. */
async function lostBy(cluster: Program, writers: readonly Writer[]): Promise<string[]> {
  const reader = await TextConnection.open(cluster.routerPort);
  const lost: string[] = [];
  for (const { key, acknowledged } of writers) {
    if (((await reader?.version(key)) ?? 0) < acknowledged) lost.push(key);
  }
  reader?.close();
  return lost;
}

function report(rounds: readonly Round[], lost: readonly string[]): void {
  const routerMs = rounds.map((one) => one.routerMs);
  const directMs = rounds.map((one) => one.directMs);
  process.stdout.write(`${line('router port', routerMs)}\n${line('server ports', directMs)}\n`);
  process.stdout.write(lost.length === 0 ? 'no acknowledged write was lost\n' : `LOST: ${lost.join(', ')}\n`);
  const all = rounds.map((one) => Math.max(one.routerMs, one.directMs));
  const worst = Math.max(...all).toFixed(1);
  process.stdout.write(
    `failover: ${rounds.length} rounds, median ${median(all).toFixed(1)} ms, worst ${worst} ms\n`,
  );
  if (lost.length > 0) process.exitCode = 1;
}

function line(what: string, times: readonly number[]): string {
  const figures = [median(times), at(times, 0.99), Math.max(...times)].map((ms) => ms.toFixed(1));
  return `${what.padEnd(12)}  p50 ${figures[0]} ms  p99 ${figures[1]} ms  max ${figures[2]} ms`;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function whole(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('It must be a whole number of 1 or more.');
  return Number(text);
}
