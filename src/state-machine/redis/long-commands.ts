/** Commands that are executed in steps: those of many keys (with few keys they are executed at once, elsewhere), and others. */

import type { ByteString } from '../../bytes/byte-string.js';
import { MAX_REDIS_REPLY_BYTES } from '../../limits.js';
import type { Args } from '../../protocol/command.js';
import { wrongArity } from '../../protocol/resp/error-replies.js';
import { REPLY_TOO_LARGE, sizeOf } from '../../protocol/resp/reply-size.js';
import { OK, type RespValue } from '../../protocol/resp/value.js';
import { type ArgSource, ListedArgs } from '../arg-source.js';
import type { Steps } from '../work.js';
import { bitfield, bitfieldReadOnly } from './bitfield.js';
import { bitop } from './bitop.js';
import type { Keyspace, ReadableKeyspace } from './keyspace.js';
import { lcs } from './lcs.js';
import { randomKey, scan } from './scans.js';

/** More arguments are executed in steps. */
export const MAX_ARGS_AT_ONCE = 256;

/** Arguments that are read, and whose keys are fetched, together. */
const FETCHED_ARGS = 64;

/** A command of many keys: it sees only where its arguments lie. */
type KeysRead = (keyspace: ReadableKeyspace, args: ArgSource) => Steps<RespValue>;
type KeysWrite = (keyspace: Keyspace, args: ArgSource) => Steps<RespValue>;

type LongRead = (keyspace: ReadableKeyspace, args: Args) => Steps<RespValue>;
type LongWrite = (keyspace: Keyspace, args: Args) => Steps<RespValue>;

/** The next arguments, each of which is a key. */
function nextKeys(keyspace: ReadableKeyspace, args: ArgSource): readonly ByteString[] {
  const keys = Array.from({ length: Math.min(args.left, FETCHED_ARGS) }, () => args.next());
  keyspace.prefetch(keys);
  return keys;
}

function* count<Seen extends ReadableKeyspace>(
  keyspace: Seen,
  args: ArgSource,
  holds: (keyspace: Seen, key: ByteString) => boolean,
): Steps<RespValue> {
  let found = 0;
  while (args.left > 0) {
    for (const key of nextKeys(keyspace, args)) {
      if (holds(keyspace, key)) found += 1;
      if (keyspace.work.isSpent) yield;
    }
  }
  return found;
}

function exists(keyspace: ReadableKeyspace, keys: ArgSource): Steps<RespValue> {
  return count(keyspace, keys, (seen, key) => seen.find(key) !== undefined);
}

function remove(keyspace: Keyspace, keys: ArgSource): Steps<RespValue> {
  return count(keyspace, keys, (seen, key) => seen.remove(key));
}

function* mget(keyspace: ReadableKeyspace, keys: ArgSource): Steps<RespValue> {
  const values: RespValue[] = [];
  let leftBytes = MAX_REDIS_REPLY_BYTES;
  while (keys.left > 0) {
    for (const key of nextKeys(keyspace, keys)) {
      const value = keyspace.get(key)?.value ?? null;
      values.push(value);
      leftBytes -= sizeOf(value);
      if (leftBytes < 0) return REPLY_TOO_LARGE;
      if (keyspace.work.isSpent) yield;
    }
  }
  return values;
}

function* mset(keyspace: Keyspace, args: ArgSource): Steps<RespValue> {
  if (args.count % 2 !== 0) return wrongArity('mset');
  while (args.left > 0) {
    const pairs = Array.from({ length: Math.min(args.left, FETCHED_ARGS) / 2 }, () => ({
      key: args.next(),
      value: args.next(),
    }));
    keyspace.prefetch(pairs.map(({ key }) => key));
    for (const { key, value } of pairs) {
      keyspace.put(key, value, 0);
      if (keyspace.work.isSpent) yield;
    }
  }
  return OK;
}

function* msetnx(keyspace: Keyspace, args: ArgSource): Steps<RespValue> {
  if (args.count % 2 !== 0) return wrongArity('msetnx');
  while (args.left > 0) {
    const key = args.next();
    args.next();
    if (keyspace.find(key) !== undefined) return 0;
    if (keyspace.work.isSpent) yield;
  }
  args.rewind();
  yield* mset(keyspace, args);
  return 1;
}

/** Commands that read and are executed in steps whatever their arguments. */
export const STEPPED_READS: ReadonlyMap<string, LongRead> = new Map<string, LongRead>(
  Object.entries({ scan, randomkey: randomKey, lcs }),
);

/** Commands that write, or may, and are executed in steps whatever their arguments. */
export const STEPPED_WRITES: ReadonlyMap<string, LongWrite> = new Map<string, LongWrite>(
  Object.entries({ bitop, bitfield }),
);

const KEYS_READS: ReadonlyMap<string, KeysRead> = new Map<string, KeysRead>(
  Object.entries({ exists, touch: exists, mget }),
);

const KEYS_WRITES: ReadonlyMap<string, KeysWrite> = new Map<string, KeysWrite>(
  Object.entries({ del: remove, unlink: remove, mset, msetnx }),
);

/** The steps of a command of an entry, if it is one of many keys: its arguments are read as they are needed. */
export function beginKeys(keyspace: Keyspace, name: string, args: ArgSource): Steps<RespValue> | undefined {
  return KEYS_WRITES.get(name)?.(keyspace, args) ?? KEYS_READS.get(name)?.(keyspace, args);
}

/** The steps of a command with many arguments that only reads; undefined if it has none. */
export function beginManyArgs(
  keyspace: ReadableKeyspace,
  name: string,
  args: Args,
): Steps<RespValue> | undefined {
  if (name === 'bitfield_ro') return bitfieldReadOnly(keyspace, args);
  return KEYS_READS.get(name)?.(keyspace, new ListedArgs(args));
}
