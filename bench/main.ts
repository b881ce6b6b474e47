/**
 * `npm run bench`: how many requests the program answers, and how fast.
 */

import { writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { SingleBar } from 'cli-progress';
import { Command, InvalidArgumentError, Option } from 'commander';
import { countOption, parseCount, runTool } from './arguments.js';
import type { Protocol } from './load/dialect.js';
import { OPERATIONS, type Operation, type RoundLimit } from './load/workload.js';
import { isInstalled, PEER_PROGRAMS, PEERS, type Peer } from './peers.js';
import { comparisonTable, errorLines, peerTable, throughputTable } from './report.js';
import type { Durability, TargetChoice } from './target.js';
import {
  countRounds,
  measureThroughput,
  type Series,
  summarize,
  type ThroughputOptions,
} from './throughput.js';

/** The options as commander hands them out. */
interface Arguments {
  readonly connections: number;
  readonly depth: readonly number[];
  readonly valueBytes: number;
  readonly operations: readonly Operation[];
  readonly keys: number;
  readonly requests: number;
  readonly seconds?: number;
  readonly rounds: number;
  readonly servers: number;
  readonly fsync: boolean;
  readonly memory?: true;
  readonly router?: true;
  readonly port?: number;
  readonly ceiling?: true;
  readonly protocol: Protocol;
  readonly compare: readonly Peer[];
  readonly json?: string;
}

/** What the load generator keeps in memory at most: all values, once as such and once in the requests. */
const MAX_KEYSPACE_BYTES = 256 * 1024 * 1024;

const command = new Command('bench')
  .description('Measures throughput and latency, also of other systems on the same machine')
  .addOption(countOption('--connections <count>', 'client connections', 50))
  .addOption(list('--depth <list>', 'requests that a connection sends at once', [1, 16], parseCount))
  .addOption(list('--operations <list>', OPERATIONS.join(', '), ['set', 'get'], parseOperation))
  .addOption(countOption('--value-bytes <count>', 'length of a value', 64))
  .addOption(countOption('--keys <count>', 'keys that are written and read', 10_000))
  .addOption(countOption('--requests <count>', 'requests per round', 100_000))
  .addOption(countOption('--seconds <count>', 'duration of a round').conflicts('requests'))
  .addOption(countOption('--rounds <count>', 'rounds that count, after one to warm up', 5))
  .addOption(countOption('--servers <count>', 'servers of the cluster', 3))
  .option('--no-fsync', 'let the program acknowledge before the disk has it')
  .addOption(new Option('--memory', 'let the program use no disk').conflicts('fsync'))
  .option('--router', 'go through the router port, not the leader’s own')
  .addOption(
    countOption('--port <port>', 'measure what already runs there: a leader, or a router').conflicts([
      'servers',
      'fsync',
      'memory',
      'router',
    ]),
  )
  .addOption(
    new Option('--ceiling', 'measure the load generator against the least that can answer').conflicts([
      'servers',
      'fsync',
      'memory',
      'router',
      'port',
    ]),
  )
  .addOption(
    new Option('--protocol <name>', 'text, or that of Redis').choices(['text', 'resp']).default('text'),
  )
  .addOption(
    list('--compare <list>', `${PEERS.join(', ')}: measure them in turns, too`, [], parsePeer).conflicts([
      'port',
      'ceiling',
    ]),
  )
  .option('--json <file>', 'write every round there, too');

await runTool(command, async () => {
  const args = command.opts<Arguments>();
  const options = throughputOptions(args, await installed(args.compare));
  const series = await measureWithBar(options);
  const summaries = series.map(summarize);
  const { target } = options;
  const comparison =
    target.type === 'program' && options.peers.length === 0
      ? comparisonTable(summaries, target.durability === 'fsync')
      : '';
  const errors = errorLines(summaries);
  const parts = [
    conditions(options),
    throughputTable(summaries),
    peerTable(summaries),
    comparison,
    errors.join('\n'),
  ];
  process.stdout.write(`${parts.filter((part) => part !== '').join('\n\n')}\n`);
  if (args.json !== undefined) await writeFile(args.json, asJson(options, series));
  return errors.length === 0 ? 0 : 1;
});

function list<T>(flags: string, description: string, byDefault: T[], parse: (text: string) => T): Option {
  return new Option(flags, `${description}, separated by commas`)
    .default(byDefault, byDefault.join(','))
    .argParser((text) => text.split(',').map(parse));
}

function parseOperation(text: string): Operation {
  const operation = OPERATIONS.find((known) => known === text);
  if (operation === undefined) throw new InvalidArgumentError(`It must be of ${OPERATIONS.join(', ')}.`);
  return operation;
}

function parsePeer(text: string): Peer {
  const peer = PEERS.find((known) => known === text);
  if (peer === undefined) throw new InvalidArgumentError(`It must be of ${PEERS.join(', ')}.`);
  return peer;
}

/** Those that are there; of the others it is said that they are not. */
async function installed(peers: readonly Peer[]): Promise<Peer[]> {
  const found: Peer[] = [];
  for (const peer of peers) {
    const program = PEER_PROGRAMS[peer];
    if (await isInstalled(program)) found.push(peer);
    else process.stderr.write(`${program} is not on the PATH: ${peer} is not compared\n`);
  }
  return found;
}

function throughputOptions(args: Arguments, peers: readonly Peer[]): ThroughputOptions {
  const { protocol, connections, depth: depths, operations, rounds, keys, valueBytes } = args;
  if (keys * valueBytes > MAX_KEYSPACE_BYTES)
    command.error(`--keys times --value-bytes is over ${MAX_KEYSPACE_BYTES}: take fewer keys`);
  const keyspace = { keys, valueBytes };
  return {
    target: targetOf(args),
    protocol,
    peers,
    connections,
    depths,
    operations,
    rounds,
    keyspace,
    limit: limitOf(args),
  };
}

function targetOf(args: Arguments): TargetChoice {
  if (args.ceiling) return { type: 'ceiling' };
  if (args.port !== undefined) return { type: 'running', port: args.port };
  const door = args.router ? 'router' : 'leader';
  return { type: 'program', servers: args.servers, durability: durabilityOf(args), door };
}

function durabilityOf({ memory, fsync }: Arguments): Durability {
  if (memory) return 'memory';
  return fsync ? 'fsync' : 'no-fsync';
}

function limitOf({ seconds, requests }: Arguments): RoundLimit {
  return seconds === undefined ? { type: 'requests', requests } : { type: 'seconds', seconds };
}

/** The bar goes to stderr, and only to a terminal. */
async function measureWithBar(options: ThroughputOptions): Promise<Series[]> {
  const bar = new SingleBar({ format: '{bar} {percentage}% {label}', clearOnComplete: true });
  bar.start(countRounds(options), 0, { label: 'starting' });
  try {
    return await measureThroughput(options, (done, label) => bar.update(done, { label }));
  } finally {
    bar.stop();
  }
}

function conditions({ target, protocol, connections, keyspace, rounds, limit }: ThroughputOptions): string {
  const length = limit.type === 'seconds' ? `${limit.seconds} s` : `${limit.requests} requests`;
  return [
    describe(target),
    `${protocol} protocol`,
    `${connections} connections`,
    `${keyspace.keys} keys of ${keyspace.valueBytes} bytes`,
    `median of ${rounds} rounds of ${length}`,
    `Node ${process.version}, ${cpus().length} cores`,
  ].join(', ');
}

function describe(target: TargetChoice): string {
  switch (target.type) {
    case 'program':
      return `${target.servers} servers, ${target.durability}, ${target.door} port`;
    case 'running':
      return `port ${target.port}`;
    case 'ceiling':
      return 'a bare server, for the ceiling of the load generator';
  }
}

function asJson(options: ThroughputOptions, series: readonly Series[]): string {
  const machine = { node: process.version, cores: cpus().length, cpu: cpus()[0]?.model };
  return `${JSON.stringify({ at: new Date().toISOString(), machine, options, series }, null, 2)}\n`;
}
