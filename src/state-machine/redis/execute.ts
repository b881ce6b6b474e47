/** Executes Redis commands: those of an entry that is applied, and those that only read. */

import { MAX_REDIS_REPLY_BYTES } from '../../limits.js';
import type { Args, WatchedKey } from '../../protocol/command.js';
import type { RedisReadRequest, RedisWalkRequest } from '../../protocol/request.js';
import { commandOf, hasArity } from '../../protocol/resp/commands.js';
import { unknownCommand, wrongArity } from '../../protocol/resp/errors.js';
import { fixedReply } from '../../protocol/resp/fixed-replies.js';
import { isSmall, limited, REPLY_TOO_LARGE, sizeOf } from '../../protocol/resp/reply-size.js';
import { NULL_ARRAY, type RespValue } from '../../protocol/resp/value.js';
import type { KeyWalk } from '../key-image.js';
import { goOn, type Steps, Work } from '../work.js';
import { READS, WRITES } from './implementations.js';
import type { Keyspace, ReadableKeyspace } from './keyspace.js';
import { WALKS } from './walks.js';

/**
 * Executes a command of an entry that is applied.
 *
 * @param args the command's name first
 */
export function execute(keyspace: Keyspace, [name = '', ...args]: Args): RespValue {
  const command = commandOf(name);
  if (command === undefined) return unknownCommand(name, args);
  if (!hasArity(command, args)) return wrongArity(name);
  if (command.kind === 'fixed') return fixedReply(command.name, args);
  if (command.kind === 'walk') return walkAtOnce(keyspace, command.name, args);
  const run = WRITES.get(command.name) ?? READS.get(command.name);
  return run === undefined ? unknownCommand(name, args) : run(keyspace, args);
}

/** The reply to a command that goes through these keys, in steps. */
export function executeWalk(
  keys: KeyWalk,
  { name, args }: Pick<RedisWalkRequest, 'name' | 'args'>,
  work: Work,
): Steps<RespValue> {
  const run = WALKS.get(name);
  if (run === undefined) throw new TypeError(`${name} does not go through all keys`);
  return run(keys, args, work);
}

/** The reply to a command that only reads, or an error if the reply is too large. */
export function executeRead(keyspace: ReadableKeyspace, { command, args }: RedisReadRequest): RespValue {
  const run = READS.get(command.name);
  return run === undefined ? unknownCommand(command.name, args) : limited(run(keyspace, args));
}

function walkAtOnce(keyspace: Keyspace, name: string, args: Args): RespValue {
  const walk = keyspace.walk();
  const done = goOn(executeWalk(walk, { name, args }, new Work()));
  walk.close();
  return done?.result ?? null;
}

/** Executes all, or none and returns {@link NULL_ARRAY} when a watched key has changed. */
export function executeTransaction(
  keyspace: Keyspace,
  watched: readonly WatchedKey[],
  commands: readonly Args[],
): RespValue {
  if (!watched.every((one) => isUnchanged(keyspace, one))) return NULL_ARRAY;
  let leftBytes = MAX_REDIS_REPLY_BYTES;
  return commands.map((args) => {
    const value = execute(keyspace, args);
    leftBytes -= sizeOf(value);
    return leftBytes < 0 && !isSmall(value) ? REPLY_TOO_LARGE : value;
  });
}

/**
 * What {@link executeTransaction} compares. A key counts as unchanged if it was deleted and came back with the same version,
 * deadline and value, or if only its value has changed and both values have the same 32-bit hash. One that was absent has
 * changed if it came and went since.
 */
export function watch(keyspace: Pick<ReadableKeyspace, 'get' | 'removalsOf'>, key: string): WatchedKey {
  const record = keyspace.get(key);
  if (record === undefined) return { key, version: 0, deadlineMs: 0, valueHash: keyspace.removalsOf(key) };
  const { version, deadlineMs, value } = record;
  return { key, version, deadlineMs, valueHash: fnv1a(value) };
}

function isUnchanged(keyspace: Keyspace, { key, version, deadlineMs, valueHash }: WatchedKey): boolean {
  const now = watch(keyspace, key);
  return now.version === version && now.deadlineMs === deadlineMs && now.valueHash === valueHash;
}

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** FNV-1a of one byte per character. */
function fnv1a(text: string): number {
  let hash = FNV_OFFSET;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), FNV_PRIME);
  return hash >>> 0;
}
