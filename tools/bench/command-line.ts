/**
 * The options of `npm run bench`, and what is to be measured by them.
 */

import { Command, Option } from 'commander';
import { MAX_VALUE_BYTES } from '../../src/limits.js';
import { countOption, listOption, oneOf, wholeNumber } from '../support/arguments.js';
import type { ThroughputOptions } from './cases.js';
import type { Protocol } from './load/dialect.js';
import { type Keyspace, OPERATIONS, type Operation, type RoundLimit } from './load/workload.js';
import { PEERS, type Peer } from './peers.js';
import { DURABILITIES, type Durability, type TargetChoice, TRANSPORTS, type Transport } from './target.js';

/** The options as commander hands them out. */
export interface Arguments {
  readonly operations: readonly Operation[];
  readonly connections: readonly number[];
  readonly depth: readonly number[];
  readonly valueBytes: readonly number[];
  readonly keys?: readonly number[];
  readonly protocol: readonly Protocol[];
  readonly servers: readonly number[];
  readonly durability: readonly Durability[];
  readonly fsync: boolean;
  readonly memory?: true;
  readonly router?: true;
  readonly transport: readonly Transport[];
  readonly tls?: true;
  readonly requests: number;
  readonly seconds?: number;
  readonly rounds: number;
  readonly port?: number;
  readonly ceiling?: true;
  readonly compare: readonly Peer[];
  readonly json?: string;
  readonly plot?: string;
}

const MAX_CONNECTIONS = 1_000;
const MAX_DEPTH = 1_000;
const MAX_SERVERS = 9;
const MAX_KEYS = 10_000_000;
const MAX_PORT = 65_535;
const DEFAULT_KEYS = 10_000;
const MIB = 1024 * 1024;
/** Unless told otherwise there are no more keys than fit into it with the longest values: every server keeps all. */
const DEFAULT_KEYSPACE_BYTES = 64 * MIB;
/** What the load generator keeps in memory at most: all values, once as such and once in the requests. */
const MAX_KEYSPACE_BYTES = 256 * MIB;
/** What a program is started with. */
const PROGRAM_OPTIONS = ['servers', 'durability', 'fsync', 'memory', 'router', 'transport', 'tls'];

export const command = new Command('bench')
  .description(
    'Measures throughput and latency, also of other systems on the same machine. Every combination of what the lists name is a case of its own, and the cases take turns.',
  )
  .addOption(listOption('--operations <list>', 'set, get, mixed (90 % gets)', oneOf(OPERATIONS), OPERATIONS))
  .addOption(numbersOption('--connections <list>', 'client connections', MAX_CONNECTIONS, [50]))
  .addOption(
    numbersOption('--depth <list>', 'requests that a connection sends at once', MAX_DEPTH, [1, 16, 64]),
  )
  .addOption(numbersOption('--value-bytes <list>', 'length of a value', MAX_VALUE_BYTES, [64]))
  .addOption(
    numbersOption(
      '--keys <list>',
      `keys that are written and read; ${DEFAULT_KEYS} if not given, or what fits into ${DEFAULT_KEYSPACE_BYTES / MIB} MiB`,
      MAX_KEYS,
    ),
  )
  .addOption(listOption('--protocol <list>', 'text, resp (that of Redis)', oneOf(['text', 'resp']), ['text']))
  .addOption(numbersOption('--servers <list>', 'servers of the cluster', MAX_SERVERS, [3]))
  .addOption(
    listOption(
      '--durability <list>',
      'fsync, no-fsync (acknowledge before the disk has it), memory (no disk)',
      oneOf(DURABILITIES),
      ['fsync'],
    ),
  )
  .addOption(new Option('--no-fsync', 'short for --durability no-fsync').conflicts('durability'))
  .addOption(new Option('--memory', 'short for --durability memory').conflicts(['durability', 'fsync']))
  .addOption(
    listOption('--transport <list>', 'plain, tls (with a certificate made for it)', oneOf(TRANSPORTS), [
      'plain',
    ]),
  )
  .addOption(new Option('--tls', 'short for --transport tls').conflicts('transport'))
  .option('--router', 'go through the router port, not the leader’s own')
  .addOption(countOption('--requests <count>', 'requests per round', 100_000))
  .addOption(
    countOption('--seconds <count>', 'duration of a round; better where values are long').conflicts(
      'requests',
    ),
  )
  .addOption(countOption('--rounds <count>', 'rounds that count, besides those that warm up', 5))
  .addOption(
    new Option('--port <port>', 'measure what already runs there: a leader, or a router')
      .argParser(wholeNumber(1, MAX_PORT))
      .conflicts(PROGRAM_OPTIONS),
  )
  .addOption(
    new Option('--ceiling', 'measure the load generator against the least that can answer').conflicts([
      ...PROGRAM_OPTIONS,
      ...['port', 'protocol'],
    ]),
  )
  .addOption(
    listOption(
      '--compare <list>',
      `${PEERS.join(', ')}: measure them too, if they are on the PATH`,
      oneOf(PEERS),
      [],
    ).conflicts(['port', 'ceiling']),
  )
  .option('--json <file>', 'write every round there, too')
  .option('--plot <file>', 'draw it there, too, as an SVG: against what was swept, or the depth');

/** Throws commander's error for what does not go together. */
export function throughputOptions(args: Arguments, peers: readonly Peer[]): ThroughputOptions {
  const { operations, connections, depth: depths, protocol: protocols, rounds } = args;
  return {
    ...{ targets: targetsOf(args), protocols, peers, operations, connections, depths },
    ...{ keyspaces: keyspacesOf(args), limit: limitOf(args), rounds },
  };
}

function numbersOption(flags: string, description: string, most: number, byDefault?: number[]): Option {
  return listOption(flags, `${description}: 1 to ${most}`, wholeNumber(1, most), byDefault);
}

function targetsOf(args: Arguments): TargetChoice[] {
  if (args.ceiling) return [{ type: 'ceiling' }];
  if (args.port !== undefined) return [{ type: 'running', port: args.port }];
  const via = args.router ? 'router' : 'leader';
  const transports: readonly Transport[] = args.tls ? ['tls'] : args.transport;
  return durabilitiesOf(args).flatMap((durability) =>
    args.servers.flatMap((servers) =>
      transports.map((transport) => ({ type: 'program' as const, servers, durability, via, transport })),
    ),
  );
}

function durabilitiesOf({ durability, memory, fsync }: Arguments): readonly Durability[] {
  if (memory) return ['memory'];
  return fsync ? durability : ['no-fsync'];
}

function keyspacesOf({ valueBytes: lengths, keys: counts, depth, port }: Arguments): Keyspace[] {
  const room = Math.floor(DEFAULT_KEYSPACE_BYTES / Math.max(...lengths));
  const keyspaces = lengths.flatMap((valueBytes) =>
    (counts ?? [Math.min(DEFAULT_KEYS, room)]).map((keys) => ({ keys, valueBytes })),
  );
  for (const { keys, valueBytes } of keyspaces)
    if ((keys + Math.max(...depth)) * valueBytes > MAX_KEYSPACE_BYTES)
      command.error(
        `--keys times --value-bytes, ${keys} times ${valueBytes}, is over ${MAX_KEYSPACE_BYTES / MIB} MiB: take fewer`,
      );
  if (port !== undefined && keyspaces.length > 1)
    command.error('--port has one store: give --keys and --value-bytes one value each');
  return keyspaces;
}

function limitOf({ seconds, requests }: Arguments): RoundLimit {
  return seconds === undefined ? { type: 'requests', requests } : { type: 'seconds', seconds };
}
