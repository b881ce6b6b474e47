/** What a command reads and changes in etcd, known before it is executed; or that this engine does not execute it. */

import { MAX_SESSION_OPERATIONS } from '../etcd-limits.js';
import type { Args, SessionCloseCommand, SessionOpenCommand } from '../protocol/command.js';
import type { OnceRequest, Request } from '../protocol/request.js';
import { commandOf, keysOf } from '../protocol/resp/commands.js';
import type { KeyOrderRead } from './key-order-reads.js';

export type Reach =
  /** It is executed on these keys. */
  | {
      readonly type: 'keys';
      readonly keys: readonly string[];
      readonly isWrite: boolean;
      /** Its answer tells the revisions of its keys: of those that it has written, or of those that it finds. */
      readonly tellsRevision: boolean;
      /** About how many bytes it brings. */
      readonly byteLength: number;
      /** Keys of its session, besides: to be compared, and to be written. */
      readonly sessionKeys: number;
    }
  /** It opens or closes a session, beside all other commands. */
  | { readonly type: 'session'; readonly request: SessionOpenCommand | SessionCloseCommand }
  /** It goes through keys in their order, beside all other commands: see key-order-reads.ts. */
  | { readonly type: 'key-order'; readonly request: KeyOrderRead }
  /** It is told of changes, perhaps of those from a revision on: what came before it must be known. */
  | { readonly type: 'changes'; readonly revision: number | undefined }
  /** It counts all keys. */
  | { readonly type: 'count' }
  /** It removes all keys. */
  | { readonly type: 'clear' }
  /** It has nothing to do with keys. */
  | { readonly type: 'none' }
  /** This engine does not execute it: why, as an error of Redis. */
  | { readonly type: 'refused'; readonly reason: string };

/** What a command reaches that is executed on keys that it names. */
export type KeysReach = Extract<Reach, { type: 'keys' }>;

/** Redis commands on strings, and on keys apart from their values. A test compares them with the table of commands. */
const ON_KEYS = new Set(
  [
    'get mget strlen getrange substr set setnx setex psetex getset getdel getex mset msetnx append setrange',
    'incr decr incrby decrby incrbyfloat lcs setbit getbit bitcount bitpos bitop bitfield bitfield_ro',
    'del unlink rename renamenx copy expire pexpire expireat pexpireat persist exists dump restore object memory touch type',
    'ttl pttl expiretime pexpiretime',
  ].flatMap((line) => line.split(' ')),
);

/** Redis commands that read keys in their order, and go beside others. */
const KEY_ORDER = new Set(['scan', 'randomkey']);

const CLEARING = new Set(['flushall', 'flushdb']);

/** Commands about the connection that need changes of keys. */
const TOLD_OF_CHANGES = new Set(['subscribe', 'psubscribe']);

const NOT_HERE = 'with --engine etcd: see docs/engines.md';

export function reachOf(request: Request): Reach {
  switch (request.type) {
    case 'get':
    case 'getm':
      return onKeys([request.key], {});
    case 'gets':
      return onKeys([request.key], { tellsRevision: true });
    case 'set':
    case 'cas':
      return onKeys([request.key], { isWrite: true, byteLength: request.value.byteLength });
    case 'add':
    case 'cas-revision': {
      const byteLength = request.value.byteLength;
      return onKeys([request.key], { isWrite: true, tellsRevision: true, byteLength });
    }
    case 'delete':
    case 'delete-if':
      return onKeys([request.key], { isWrite: true });
    case 'redis':
      return ofWrite(request.args);
    case 'redis-read':
      if (request.command.name === 'dbsize') return { type: 'count' };
      if (KEY_ORDER.has(request.command.name)) return { type: 'key-order', request };
      if (!ON_KEYS.has(request.command.name)) return refused(request.command.name);
      return onKeys(keysOf(request.command, request.args), {});
    case 'redis-watch':
      return onKeys(request.keys, { tellsRevision: true });
    case 'redis-transaction':
      return ofTransaction(
        request.watched.map(({ key }) => key),
        request.commands,
      );
    case 'redis-walk':
      return { type: 'key-order', request };
    case 'session-open':
    case 'session-close':
      return { type: 'session', request };
    case 'once':
      return ofOnce(request);
    case 'watch':
      return { type: 'changes', revision: request.revision };
    case 'redis-local':
      return TOLD_OF_CHANGES.has(request.name) ? { type: 'changes', revision: undefined } : { type: 'none' };
    case 'redis-fixed':
    case 'redis-queued':
    case 'auth':
    case 'locked':
    case 'unwatch':
    case 'malformed':
      return { type: 'none' };
  }
}

function ofWrite(nameAndArgs: Args): Reach {
  const [name = ''] = nameAndArgs;
  const command = commandOf(name);
  if (command !== undefined && CLEARING.has(command.name)) return { type: 'clear' };
  if (command === undefined || !ON_KEYS.has(command.name)) return refused(name);
  return onKeys(keysOf(command, nameAndArgs.slice(1)), { isWrite: true, byteLength: bytesOf(nameAndArgs) });
}

function ofOnce({ command }: OnceRequest): Reach {
  const reach = reachOf(
    command.type === 'redis' ? { ...command, slotKey: undefined } : { ...command, noreply: false },
  );
  if (reach.type === 'keys') return { ...reach, sessionKeys: MAX_SESSION_OPERATIONS };
  return reach.type === 'refused' ? reach : refused('this command in a session');
}

function ofTransaction(watched: readonly string[], commands: readonly Args[]): Reach {
  const keys = [...watched];
  let byteLength = 0;
  for (const nameAndArgs of commands) {
    const [name = ''] = nameAndArgs;
    const command = commandOf(name);
    const isKnown = command !== undefined && (command.kind === 'fixed' || ON_KEYS.has(command.name));
    if (!isKnown) return refused(`${name} in a transaction`);
    for (const key of keysOf(command, nameAndArgs.slice(1))) keys.push(key);
    byteLength += bytesOf(nameAndArgs);
  }
  return onKeys(keys, { isWrite: true, byteLength });
}

function onKeys(
  keys: readonly string[],
  { isWrite = false, tellsRevision = false, byteLength = 0 }: Partial<Extract<Reach, { type: 'keys' }>>,
): Reach {
  return { type: 'keys', keys, isWrite, tellsRevision, byteLength, sessionKeys: 0 };
}

function refused(what: string): Reach {
  return { type: 'refused', reason: `ERR ${what.toLowerCase()}: not supported ${NOT_HERE}` };
}

function bytesOf(args: Args): number {
  return args.reduce((sum, arg) => sum + arg.length, 0);
}
