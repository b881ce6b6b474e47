/**
 * Redis commands that are about the connection, the server or the cluster, and not about keys.
 */

import { createHash } from 'node:crypto';
import { hashSlot, SLOT_COUNT } from '../../protocol/resp/hash-slot.js';
import {
  ErrorReply,
  MapReply,
  NOT_AN_INTEGER,
  OK,
  type RespValue,
  SimpleString,
  SYNTAX_ERROR,
  VerbatimText,
  wrongArity,
} from '../../protocol/resp/value.js';
import type { Args, RedisCommand } from '../../state-machine/redis/command.js';
import type { RedisConnection, RedisContext } from '../../state-machine/redis/context.js';
import { matchesGlob } from '../../state-machine/redis/glob.js';
import { parseSafeInteger } from '../../state-machine/redis/numbers.js';
import { COMMANDS } from '../../state-machine/redis/table.js';
import type { ClientAddress } from '../../wire/control.js';
import type { RedisStream } from './redis-stream.js';

/** The Redis whose commands these are, for clients that ask. */
const REDIS_VERSION = '7.2.0';

const NO_PASSWORD = new ErrorReply(
  'ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?',
);
const WRONG_PASSWORD = new ErrorReply('WRONGPASS invalid username-password pair or user is disabled.');
const NO_PROTO = new ErrorReply('NOPROTO unsupported protocol version');
const NOT_A_PROTOCOL = new ErrorReply('ERR Protocol version is not an integer or out of range');
const BAD_NAME = new ErrorReply('ERR Client names cannot contain spaces, newlines or special characters.');
const TIMEOUT_NOT_AN_INTEGER = new ErrorReply('ERR timeout is not an integer or out of range');
const TIMEOUT_NEGATIVE = new ErrorReply('ERR timeout is negative');
const INVALID_CURSOR = new ErrorReply('ERR invalid cursor');

type Handler = (args: Args, stream: RedisStream, context: RedisContext) => RespValue;

/** @param args those behind the command's name, as many as it takes */
export function connectionCommand(
  name: string,
  args: Args,
  stream: RedisStream,
  context: RedisContext,
): RespValue {
  const handler = HANDLERS.get(name);
  if (handler !== undefined) return handler(args, stream, context);
  const command = COMMANDS.get(name);
  return command?.kind === 'connection' && command.run !== undefined ? command.run(args) : OK;
}

/** The error that sends a client to the leader, or tells that there is none. */
export function redirection(key: string | undefined, address: ClientAddress | undefined): ErrorReply {
  if (address === undefined) return new ErrorReply('CLUSTERDOWN The cluster is down');
  return new ErrorReply(`MOVED ${hashSlot(key ?? '')} ${address.host}:${address.port}`);
}

function hello(args: Args, stream: RedisStream, context: RedisContext): RespValue {
  const [versionText, ...options] = args;
  let version = stream.version;
  if (versionText !== undefined) {
    const asked = parseSafeInteger(versionText);
    if (asked === undefined) return NOT_A_PROTOCOL;
    if (asked !== 2 && asked !== 3) return NO_PROTO;
    version = asked;
  }
  let { name } = stream;
  for (let at = 0; at < options.length; at += 1) {
    const option = options[at]?.toUpperCase();
    if (option === 'AUTH' && at + 2 < options.length) {
      const refusal = authenticate(options[at + 1]);
      if (refusal !== OK) return refusal;
      at += 2;
      continue;
    }
    if (option !== 'SETNAME' || at + 1 >= options.length)
      return new ErrorReply(`ERR Syntax error in HELLO option '${options[at]}'`);
    at += 1;
    name = options[at] ?? '';
    if (!isName(name)) return BAD_NAME;
  }
  stream.version = version;
  stream.name = name;
  return new MapReply([
    ['server', 'redis'],
    ['version', REDIS_VERSION],
    ['proto', version],
    ['id', stream.id],
    ['mode', 'cluster'],
    ['role', isLeader(context) ? 'master' : 'replica'],
    ['modules', []],
  ]);
}

/** There is one user, `default`, with any password. */
function authenticate(user: string | undefined): RespValue {
  return user === 'default' ? OK : WRONG_PASSWORD;
}

function auth(args: Args): RespValue {
  if (args.length > 2) return SYNTAX_ERROR;
  return args.length === 1 ? NO_PASSWORD : authenticate(args[0]);
}

function isName(text: string): boolean {
  return /^[\x21-\x7e]*$/.test(text);
}

function isLeader({ leader, serverId }: RedisContext): boolean {
  return leader === serverId;
}

function client([subcommand = '', ...args]: Args, stream: RedisStream, context: RedisContext): RespValue {
  switch (subcommand.toUpperCase()) {
    case 'ID':
      return stream.id;
    case 'GETNAME':
      return stream.name === '' ? null : stream.name;
    case 'SETNAME': {
      const [name] = args;
      if (name === undefined) return wrongArity('client|setname');
      if (!isName(name)) return BAD_NAME;
      stream.name = name;
      return OK;
    }
    case 'SETINFO':
      return args.length === 2 ? OK : wrongArity('client|setinfo');
    case 'NO-EVICT':
    case 'NO-TOUCH':
      return /^(?:on|off)$/i.test(args[0] ?? '') ? OK : SYNTAX_ERROR;
    case 'INFO':
      return new VerbatimText(`${describeClient(stream)}\n`);
    case 'LIST':
      return new VerbatimText([...context.connections].map((one) => `${describeClient(one)}\n`).join(''));
    default:
      return unknownSubcommand('CLIENT', subcommand);
  }
}

function describeClient({ id, name, version }: RedisConnection): string {
  return `id=${id} name=${name} db=0 resp=${version}`;
}

function unknownSubcommand(command: string, subcommand: string): ErrorReply {
  return new ErrorReply(`ERR unknown subcommand '${subcommand}'. Try ${command} HELP.`);
}

/** What clients ask for, with what is true here. */
const CONFIG: readonly (readonly [string, string])[] = [
  ['appendfsync', 'always'],
  ['appendonly', 'yes'],
  ['databases', '1'],
  ['maxmemory', '0'],
  ['maxmemory-policy', 'noeviction'],
  ['proto-max-bulk-len', '1048576'],
  ['save', ''],
  ['timeout', '0'],
];

function config([subcommand = '', ...patterns]: Args): RespValue {
  if (subcommand.toUpperCase() !== 'GET') return unknownSubcommand('CONFIG', subcommand);
  if (patterns.length === 0) return wrongArity('config|get');
  return new MapReply(
    CONFIG.filter(([name]) => patterns.some((pattern) => matchesGlob(pattern.toLowerCase(), name))),
  );
}

function describeCommand(command: RedisCommand): RespValue {
  const { name, arity, keys, kind } = command;
  const flags = kind === 'write' ? ['write'] : kind === 'read' ? ['readonly'] : ['loading', 'stale'];
  const positions =
    keys === undefined ? [0, 0, 0] : [keys.first + 1, keys.last < 0 ? keys.last : keys.last + 1, keys.step];
  return [name, arity, flags.map((flag) => new SimpleString(flag)), ...positions, [], [], [], []];
}

function command([subcommand, ...names]: Args): RespValue {
  if (subcommand === undefined) return [...COMMANDS.values()].map(describeCommand);
  switch (subcommand.toUpperCase()) {
    case 'COUNT':
      return COMMANDS.size;
    case 'DOCS':
      return new MapReply(
        [...COMMANDS.keys()]
          .filter((name) => names.length === 0 || names.some((one) => one.toLowerCase() === name))
          .map((name) => [name, new MapReply([['group', 'generic']])]),
      );
    case 'INFO':
      return (names.length === 0 ? [...COMMANDS.keys()] : names).map((name) => {
        const found = COMMANDS.get(name.toLowerCase());
        return found === undefined ? null : describeCommand(found);
      });
    default:
      return unknownSubcommand('COMMAND', subcommand);
  }
}

function info(args: Args, _: RedisStream, context: RedisContext): RespValue {
  const wanted = args.map((word) => word.toLowerCase());
  const isAll = wanted.length === 0 || wanted.some((one) => ['all', 'default', 'everything'].includes(one));
  const chosen = SECTIONS.filter(([name]) => isAll || wanted.includes(name.toLowerCase()));
  return new VerbatimText(
    chosen
      .map(
        ([name, lines]) =>
          `# ${name}\r\n${lines(context)
            .map((line) => `${line}\r\n`)
            .join('')}`,
      )
      .join('\r\n'),
  );
}

const SECTIONS: readonly (readonly [name: string, lines: (context: RedisContext) => string[]])[] = [
  [
    'Server',
    ({ nowMs, startedAtMs }) => [
      `redis_version:${REDIS_VERSION}`,
      'redis_mode:cluster',
      `process_id:${process.pid}`,
      `uptime_in_seconds:${Math.floor((nowMs - startedAtMs) / 1000)}`,
    ],
  ],
  ['Clients', ({ connectionCount }) => [`connected_clients:${connectionCount}`]],
  ['Memory', () => [`used_memory:${process.memoryUsage().heapUsed}`, 'maxmemory:0']],
  ['Persistence', () => ['loading:0', 'aof_enabled:1']],
  [
    'Replication',
    (context) => {
      const { leader, addresses } = context;
      const address = leader === undefined ? undefined : addresses[leader];
      if (isLeader(context)) return ['role:master', `connected_slaves:${addresses.length - 1}`];
      return [
        'role:slave',
        `master_host:${address?.host ?? ''}`,
        `master_port:${address?.port ?? 0}`,
        `master_link_status:${address === undefined ? 'down' : 'up'}`,
      ];
    },
  ],
  ['Cluster', () => ['cluster_enabled:1']],
  [
    'Keyspace',
    ({ keyCount, volatileCount }) =>
      keyCount === 0 ? [] : [`db0:keys=${keyCount},expires=${volatileCount},avg_ttl=0`],
  ],
];

/** 40 hexadecimal digits, as Redis Cluster has them. */
function nodeId(serverId: number): string {
  return createHash('sha1').update(`threadraft server ${serverId}`).digest('hex');
}

/** Client port and cluster bus port are one here: there is no bus. */
function node(id: number, { addresses }: RedisContext): RespValue[] {
  const address = addresses[id];
  return [address?.host ?? '', address?.port ?? 0, nodeId(id), new MapReply([])];
}

function cluster([subcommand = '', ...args]: Args, _: RedisStream, context: RedisContext): RespValue {
  const { leader, addresses, serverId } = context;
  const replicas = addresses.map((_address, id) => id).filter((id) => id !== leader);
  switch (subcommand.toUpperCase()) {
    case 'SLOTS':
      if (leader === undefined) return [];
      return [[0, SLOT_COUNT - 1, node(leader, context), ...replicas.map((id) => node(id, context))]];
    case 'SHARDS':
      return [describeShard(context)];
    case 'NODES':
      return new VerbatimText(addresses.map((_address, id) => `${describeNode(id, context)}\n`).join(''));
    case 'INFO':
      return new VerbatimText(describeCluster(context));
    case 'MYID':
      return nodeId(serverId);
    case 'KEYSLOT':
      return args[0] === undefined ? wrongArity('cluster|keyslot') : hashSlot(args[0]);
    case 'COUNTKEYSINSLOT':
      return countKeysInSlot(args, context);
    default:
      return unknownSubcommand('CLUSTER', subcommand);
  }
}

function describeShard({ leader, addresses }: RedisContext): RespValue {
  const nodes = addresses.map(
    ({ host, port }, id) =>
      new MapReply([
        ['id', nodeId(id)],
        ['port', port],
        ['ip', host],
        ['endpoint', host],
        ['role', id === leader ? 'master' : 'replica'],
        ['replication-offset', 0],
        ['health', 'online'],
      ]),
  );
  return new MapReply([
    ['slots', leader === undefined ? [] : [0, SLOT_COUNT - 1]],
    ['nodes', nodes],
  ]);
}

function describeNode(id: number, { leader, addresses, serverId }: RedisContext): string {
  const { host, port } = addresses[id] ?? { host: '', port: 0 };
  const flags = `${id === serverId ? 'myself,' : ''}${id === leader ? 'master' : 'slave'}`;
  const master = id === leader || leader === undefined ? '-' : nodeId(leader);
  const slots = id === leader ? ` 0-${SLOT_COUNT - 1}` : '';
  return `${nodeId(id)} ${host}:${port}@${port} ${flags} ${master} 0 0 0 connected${slots}`;
}

function describeCluster({ leader, addresses }: RedisContext): string {
  const slots = leader === undefined ? 0 : SLOT_COUNT;
  const lines = [
    `cluster_state:${leader === undefined ? 'fail' : 'ok'}`,
    `cluster_slots_assigned:${slots}`,
    `cluster_slots_ok:${slots}`,
    'cluster_slots_pfail:0',
    'cluster_slots_fail:0',
    `cluster_known_nodes:${addresses.length}`,
    'cluster_size:1',
  ];
  return lines.map((line) => `${line}\r\n`).join('');
}

const SCAN_SLICE = 10_000;

function countKeysInSlot([text = '']: Args, { scan }: RedisContext): RespValue {
  const slot = parseSafeInteger(text);
  if (slot === undefined) return NOT_AN_INTEGER;
  if (slot < 0 || slot >= SLOT_COUNT) return new ErrorReply('ERR Invalid slot');
  let count = 0;
  let cursor = 0;
  do {
    const part = scan(cursor, SCAN_SLICE);
    count += part.keys.filter((key) => hashSlot(key) === slot).length;
    cursor = part.cursor;
  } while (cursor !== 0);
  return count;
}

const DEFAULT_SCAN_COUNT = 10;
const MAX_SCAN_COUNT = 100_000;

function scan([cursorText = '', ...options]: Args, _: RedisStream, context: RedisContext): RespValue {
  if (!/^\d{1,20}$/.test(cursorText)) return INVALID_CURSOR;
  // One that is no safe integer was given out by no server here, and is as good as any unknown one.
  const cursor = Number(cursorText);
  let count = DEFAULT_SCAN_COUNT;
  let pattern: string | undefined;
  let isEmptyType = false;
  for (let at = 0; at < options.length; at += 2) {
    const value = options[at + 1];
    if (value === undefined) return SYNTAX_ERROR;
    switch (options[at]?.toUpperCase()) {
      case 'COUNT': {
        const asked = parseSafeInteger(value);
        if (asked === undefined) return NOT_AN_INTEGER;
        if (asked < 1) return SYNTAX_ERROR;
        count = Math.min(asked, MAX_SCAN_COUNT);
        break;
      }
      case 'MATCH':
        pattern = value;
        break;
      case 'TYPE':
        isEmptyType = value.toLowerCase() !== 'string';
        break;
      default:
        return SYNTAX_ERROR;
    }
  }
  const part = context.scan(cursor, count);
  const isWanted = (key: string) => !isEmptyType && (pattern === undefined || matchesGlob(pattern, key));
  return [`${part.cursor}`, part.keys.filter(isWanted)];
}

function time(_words: Args, _: RedisStream, { nowMs }: RedisContext): RespValue {
  return [`${Math.floor(nowMs / 1000)}`, `${(nowMs % 1000) * 1000}`];
}

/** Whatever was acknowledged is on a majority, this server included. */
function wait(args: Args, _: RedisStream, { addresses }: RedisContext): RespValue {
  const [replicas, timeout] = args.map(parseSafeInteger);
  if (replicas === undefined) return NOT_AN_INTEGER;
  if (timeout === undefined) return TIMEOUT_NOT_AN_INTEGER;
  if (timeout < 0) return TIMEOUT_NEGATIVE;
  return Math.floor(addresses.length / 2);
}

const HANDLERS: ReadonlyMap<string, Handler> = new Map<string, Handler>([
  ['hello', hello],
  ['client', client],
  ['config', config],
  ['command', command],
  ['info', info],
  ['cluster', cluster],
  ['scan', scan],
  ['time', time],
  ['wait', wait],
  ['auth', auth],
  [
    'reset',
    (_words, stream) => {
      stream.reset();
      return new SimpleString('RESET');
    },
  ],
]);
