/** MULTI and EXEC: all commands of a transaction, or none. */

import { MAX_REDIS_REPLY_BYTES } from '../../limits.js';
import type { Args, WatchedKey } from '../../protocol/command.js';
import { isSmall, REPLY_TOO_LARGE, sizeOf } from '../../protocol/resp/reply-size.js';
import { ErrorReply, NULL_ARRAY, type RespValue } from '../../protocol/resp/value.js';
import { MAX_TRANSACTION_WORK } from '../../redis-limits.js';
import type { TransactionCommands } from '../batch-reader.js';
import { goOn, type Steps, type Work } from '../work.js';
import { beginLong, execute } from './execute.js';
import type { Keyspace, ReadableKeyspace } from './keyspace.js';

const TOO_MUCH_WORK = new ErrorReply(
  `EXECABORT Transaction discarded because of: it is over the limit of ${MAX_TRANSACTION_WORK} units of work`,
);

/** Longer values are not compared, since that is slow; the removal count of the key's group stands in. */
const MAX_COMPARED_BYTES = 512;

/**
 * Executes all, or none and returns {@link NULL_ARRAY} when a watched key has changed, or an error when all of them are too
 * much work.
 */
export function* executeTransaction(
  keyspace: Keyspace,
  watched: readonly WatchedKey[],
  commands: TransactionCommands,
): Steps<RespValue> {
  const { work } = keyspace;
  const endUnits = work.units + MAX_TRANSACTION_WORK;
  for (const one of watched) {
    if (!isUnchanged(keyspace, one)) return yield* refused(commands, keyspace, NULL_ARRAY);
    if (work.isSpent) yield;
  }
  keyspace.beginChanges();
  const replies: RespValue[] = [];
  let leftBytes = MAX_REDIS_REPLY_BYTES;
  while (commands.left > 0) {
    const args = readNext(commands, work) ?? (yield* nextOf(commands, work));
    const steps = beginLong(keyspace, args);
    const value = steps === undefined ? execute(keyspace, args) : yield* finishUpTo(endUnits, steps, work);
    if (work.units > endUnits) {
      while (!keyspace.takeBack()) yield;
      return yield* refused(commands, keyspace, TOO_MUCH_WORK);
    }
    leftBytes -= sizeOf(value);
    replies.push(leftBytes < 0 && !isSmall(value) ? REPLY_TOO_LARGE : value);
    if (work.isSpent) yield;
  }
  while (!keyspace.keepChanges()) yield;
  return replies;
}

/**
 * What {@link executeTransaction} compares. A key counts as unchanged if it was deleted and came back with the same version,
 * deadline and value, or if only its value has changed and both values have the same 32-bit hash. Keys that
 * were absent or long also count as changed if removed in between.
 */
export function watch(
  keyspace: Pick<ReadableKeyspace, 'find' | 'slice' | 'removalsOf'>,
  key: string,
): WatchedKey {
  const meta = keyspace.find(key);
  if (meta === undefined) return { key, version: 0, deadlineMs: 0, valueHash: keyspace.removalsOf(key) };
  const { version, deadlineMs, length } = meta;
  const valueHash =
    length > MAX_COMPARED_BYTES ? keyspace.removalsOf(key) : fnv1a(keyspace.slice(key, 0, length));
  return { key, version, deadlineMs, valueHash };
}

function isUnchanged(keyspace: Keyspace, { key, version, deadlineMs, valueHash }: WatchedKey): boolean {
  const now = watch(keyspace, key);
  return now.version === version && now.deadlineMs === deadlineMs && now.valueHash === valueHash;
}

/** The next command; undefined when it is so long that there is more to read. */
function readNext(commands: TransactionCommands, work: Work): Args | undefined {
  const { units } = commands;
  const args = commands.next();
  work.units += commands.units - units;
  return args;
}

/** The next command, of which a part was read. */
function* nextOf(commands: TransactionCommands, work: Work): Steps<Args> {
  while (true) {
    if (work.isSpent) yield;
    const args = readNext(commands, work);
    if (args !== undefined) return args;
  }
}

/** Goes through the steps until their work exceeds the limit. */
function* finishUpTo(endUnits: number, steps: Steps<RespValue>, work: Work): Steps<RespValue> {
  while (true) {
    const done = goOn(steps);
    if (done !== undefined) return done.result;
    if (work.units > endUnits) {
      steps.return(null);
      return null;
    }
    yield;
  }
}

/** Nothing was done: passes over the commands that were not looked at. */
function* refused(commands: TransactionCommands, { work }: Keyspace, reply: RespValue): Steps<RespValue> {
  while (commands.left > 0) {
    readNext(commands, work);
    if (work.isSpent) yield;
  }
  return reply;
}

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** FNV-1a of one byte per character. */
function fnv1a(text: string): number {
  let hash = FNV_OFFSET;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), FNV_PRIME);
  return hash >>> 0;
}
