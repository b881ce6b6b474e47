/** Commands that are executed in steps: those of many keys (with few keys they are executed at once, elsewhere), and others. */

import { MAX_REDIS_REPLY_BYTES } from '../../limits.js';
import type { Args } from '../../protocol/command.js';
import { wrongArity } from '../../protocol/resp/error-replies.js';
import { REPLY_TOO_LARGE, sizeOf } from '../../protocol/resp/reply-size.js';
import { OK, type RespValue } from '../../protocol/resp/value.js';
import type { Steps } from '../work.js';
import { bitfield, bitfieldReadOnly } from './bitfield.js';
import { bitop } from './bitop.js';
import type { Keyspace, ReadableKeyspace } from './keyspace.js';
import { lcs } from './lcs.js';
import { randomKey, scan } from './scans.js';

/** More arguments are executed in steps. */
export const MAX_ARGS_AT_ONCE = 256;

type LongRead = (keyspace: ReadableKeyspace, args: Args) => Steps<RespValue>;
type LongWrite = (keyspace: Keyspace, args: Args) => Steps<RespValue>;

function* count<Seen extends ReadableKeyspace>(
  keyspace: Seen,
  keys: Args,
  holds: (keyspace: Seen, key: string) => boolean,
): Steps<RespValue> {
  let found = 0;
  for (const key of keys) {
    if (holds(keyspace, key)) found += 1;
    if (keyspace.work.isSpent) yield;
  }
  return found;
}

function exists(keyspace: ReadableKeyspace, keys: Args): Steps<RespValue> {
  return count(keyspace, keys, (seen, key) => seen.find(key) !== undefined);
}

function remove(keyspace: Keyspace, keys: Args): Steps<RespValue> {
  return count(keyspace, keys, (seen, key) => seen.remove(key));
}

function* mget(keyspace: ReadableKeyspace, keys: Args): Steps<RespValue> {
  const values: RespValue[] = [];
  let leftBytes = MAX_REDIS_REPLY_BYTES;
  for (const key of keys) {
    const value = keyspace.get(key)?.value ?? null;
    values.push(value);
    leftBytes -= sizeOf(value);
    if (leftBytes < 0) return REPLY_TOO_LARGE;
    if (keyspace.work.isSpent) yield;
  }
  return values;
}

function* mset(keyspace: Keyspace, args: Args): Steps<RespValue> {
  if (args.length % 2 !== 0) return wrongArity('mset');
  for (let at = 0; at < args.length; at += 2) {
    keyspace.put(args[at] ?? '', args[at + 1] ?? '', 0);
    if (keyspace.work.isSpent) yield;
  }
  return OK;
}

function* msetnx(keyspace: Keyspace, args: Args): Steps<RespValue> {
  if (args.length % 2 !== 0) return wrongArity('msetnx');
  for (let at = 0; at < args.length; at += 2) {
    if (keyspace.find(args[at] ?? '') !== undefined) return 0;
    if (keyspace.work.isSpent) yield;
  }
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

export const LONG_READS: ReadonlyMap<string, LongRead> = new Map<string, LongRead>(
  Object.entries({ exists, touch: exists, mget, bitfield_ro: bitfieldReadOnly }),
);

export const LONG_WRITES: ReadonlyMap<string, LongWrite> = new Map<string, LongWrite>(
  Object.entries({ del: remove, unlink: remove, mset, msetnx }),
);
