/** The Redis commands there are: what must be known of a command before anybody executes it. */

import type { Args } from '../command.js';

export type CommandKind =
  /** Changes the store, or may: it goes through the log, and is decided when it is applied. */
  | 'write'
  /** Reads the store as it is after everything that was acknowledged before. */
  | 'read'
  /** Reads, and goes through all keys, which takes long: nothing more of its stream is taken until it is answered. */
  | 'walk'
  /** Opens, closes or uses a session of the client's: it goes through the log. */
  | 'session'
  /** Its reply depends on its arguments alone: see fixed-replies.ts. */
  | 'fixed'
  /** Concerns the connection, or the server that is asked. */
  | 'connection';

/** Where the keys are among the arguments: each `step` places, from `first` to `last` (negative: counted from the end). */
export interface KeyPositions {
  readonly first: number;
  readonly last: number;
  readonly step: number;
}

export interface RedisCommand {
  /** The name in lower case. */
  readonly name: string;
  readonly kind: CommandKind;
  /** The number of arguments, the name included; if negative, the least number of them. */
  readonly arity: number;
  /** Undefined for commands without keys. */
  readonly keys: KeyPositions | undefined;
  /** Its first argument names what it does. */
  readonly hasSubcommands: boolean;
  /** It looks at each byte of a value, which takes long: a client has one at a time. */
  readonly isCostly: boolean;
  /** It changes how the rest of the stream is taken, once it is its turn, or asks other servers: nothing more is taken before. */
  readonly isHolding: boolean;
}

const COSTLY = new Set('bitcount bitfield bitfield_ro bitop bitpos dump lcs restore'.split(' '));

const HOLDING = new Set(
  'auth hello monitor reset config subscribe unsubscribe psubscribe punsubscribe'.split(' '),
);

const WITH_SUBCOMMANDS = new Set(
  'client cluster command config latency memory object pubsub session slowlog'.split(' '),
);

const ONE_KEY: KeyPositions = { first: 0, last: 0, step: 1 };
const TWO_KEYS: KeyPositions = { first: 0, last: 1, step: 1 };
const SECOND_KEY: KeyPositions = { first: 1, last: 1, step: 1 };
const ALL_BUT_FIRST: KeyPositions = { first: 1, last: -1, step: 1 };
const ALL_KEYS: KeyPositions = { first: 0, last: -1, step: 1 };
const KEYS_AND_VALUES: KeyPositions = { first: 0, last: -1, step: 2 };

type Row = readonly [name: string, kind: CommandKind, arity: number, keys?: KeyPositions];

const ROWS: readonly Row[] = [
  // Connection, server and cluster.
  ['ping', 'fixed', -1],
  ['echo', 'fixed', 2],
  ['hello', 'connection', -1],
  ['auth', 'connection', -2],
  ['select', 'fixed', 2],
  ['quit', 'connection', -1],
  ['reset', 'connection', 1],
  ['command', 'connection', -1],
  ['client', 'connection', -2],
  ['config', 'connection', -2],
  ['info', 'connection', -1],
  ['time', 'connection', 1],
  ['monitor', 'connection', 1],
  ['subscribe', 'connection', -2],
  ['unsubscribe', 'connection', -1],
  ['psubscribe', 'connection', -2],
  ['punsubscribe', 'connection', -1],
  ['pubsub', 'connection', -2],
  ['role', 'connection', 1],
  ['lastsave', 'connection', 1],
  ['slowlog', 'connection', -2],
  ['latency', 'connection', -2],
  ['cluster', 'connection', -2],
  ['readonly', 'fixed', 1],
  ['readwrite', 'fixed', 1],
  ['asking', 'fixed', 1],
  ['wait', 'connection', 3],
  ['multi', 'connection', 1],
  ['exec', 'connection', 1],
  ['discard', 'connection', 1],
  ['watch', 'connection', -2, ALL_KEYS],
  ['unwatch', 'fixed', 1],
  ['session', 'session', -2],
  ['once', 'session', -5],
  // Values.
  ['get', 'read', 2, ONE_KEY],
  ['mget', 'read', -2, ALL_KEYS],
  ['strlen', 'read', 2, ONE_KEY],
  ['getrange', 'read', 4, ONE_KEY],
  ['set', 'write', -3, ONE_KEY],
  ['setnx', 'write', 3, ONE_KEY],
  ['setex', 'write', 4, ONE_KEY],
  ['psetex', 'write', 4, ONE_KEY],
  ['getset', 'write', 3, ONE_KEY],
  ['getdel', 'write', 2, ONE_KEY],
  ['getex', 'write', -2, ONE_KEY],
  ['mset', 'write', -3, KEYS_AND_VALUES],
  ['msetnx', 'write', -3, KEYS_AND_VALUES],
  ['append', 'write', 3, ONE_KEY],
  ['setrange', 'write', 4, ONE_KEY],
  ['incr', 'write', 2, ONE_KEY],
  ['decr', 'write', 2, ONE_KEY],
  ['incrby', 'write', 3, ONE_KEY],
  ['decrby', 'write', 3, ONE_KEY],
  ['incrbyfloat', 'write', 3, ONE_KEY],
  ['substr', 'read', 4, ONE_KEY],
  ['lcs', 'read', -3, TWO_KEYS],
  ['setbit', 'write', 4, ONE_KEY],
  ['getbit', 'read', 3, ONE_KEY],
  ['bitcount', 'read', -2, ONE_KEY],
  ['bitpos', 'read', -3, ONE_KEY],
  ['bitop', 'write', -4, ALL_BUT_FIRST],
  ['bitfield', 'write', -2, ONE_KEY],
  ['bitfield_ro', 'read', -2, ONE_KEY],
  // Keys, apart from their values.
  ['del', 'write', -2, ALL_KEYS],
  ['unlink', 'write', -2, ALL_KEYS],
  ['rename', 'write', 3, TWO_KEYS],
  ['renamenx', 'write', 3, TWO_KEYS],
  ['copy', 'write', -3, TWO_KEYS],
  ['expire', 'write', -3, ONE_KEY],
  ['pexpire', 'write', -3, ONE_KEY],
  ['expireat', 'write', -3, ONE_KEY],
  ['pexpireat', 'write', -3, ONE_KEY],
  ['persist', 'write', 2, ONE_KEY],
  ['flushall', 'write', -1],
  ['flushdb', 'write', -1],
  ['exists', 'read', -2, ALL_KEYS],
  ['dump', 'read', 2, ONE_KEY],
  ['restore', 'write', -4, ONE_KEY],
  ['object', 'read', -2, SECOND_KEY],
  ['memory', 'read', -2, SECOND_KEY],
  ['touch', 'read', -2, ALL_KEYS],
  ['type', 'read', 2, ONE_KEY],
  ['ttl', 'read', 2, ONE_KEY],
  ['pttl', 'read', 2, ONE_KEY],
  ['expiretime', 'read', 2, ONE_KEY],
  ['pexpiretime', 'read', 2, ONE_KEY],
  ['dbsize', 'read', 1],
  ['keys', 'walk', 2],
  ['randomkey', 'read', 1],
  ['scan', 'read', -2],
];

/** The commands by name, in lower case. */
export const COMMANDS: ReadonlyMap<string, RedisCommand> = new Map(
  ROWS.map(([name, kind, arity, keys]) => [
    name,
    {
      name,
      kind,
      arity,
      keys,
      hasSubcommands: WITH_SUBCOMMANDS.has(name),
      isCostly: COSTLY.has(name),
      isHolding: HOLDING.has(name),
    },
  ]),
);

/** Under the two ways in which most clients write a name. */
const AS_WRITTEN: ReadonlyMap<string, RedisCommand> = new Map(
  [...COMMANDS].flatMap(([name, command]) => [
    [name, command],
    [name.toUpperCase(), command],
  ]),
);

/** The command of that name, in upper or lower case. */
export function commandOf(name: string): RedisCommand | undefined {
  return AS_WRITTEN.get(name) ?? COMMANDS.get(name.toLowerCase());
}

/** The keys among these arguments, which follow the command's name. */
export function keysOf({ keys }: RedisCommand, args: Args): string[] {
  if (keys === undefined) return [];
  const last = keys.last < 0 ? args.length + keys.last : keys.last;
  const found: string[] = [];
  for (let at = keys.first; at <= Math.min(last, args.length - 1); at += keys.step)
    found.push(args[at] ?? '');
  return found;
}

/** The first of {@link keysOf}. */
export function firstKeyOf({ keys }: RedisCommand, args: Args): string | undefined {
  return keys === undefined ? undefined : args[keys.first];
}

/** Whether there are as many arguments after the name as there must be. */
export function hasArity({ arity }: RedisCommand, { length }: { readonly length: number }): boolean {
  const count = length + 1;
  return arity < 0 ? count >= -arity : count === arity;
}

/** The command's name with that of its subcommand, if it has any: `client|list`. */
export function fullName({ name, hasSubcommands }: RedisCommand, [subcommand = '']: Args): string {
  return hasSubcommands ? `${name}|${subcommand.toLowerCase()}` : name;
}
