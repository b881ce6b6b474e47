/** MULTI and EXEC: all commands of a transaction, or none. */

import { MAX_REDIS_REPLY_BYTES } from '../../limits.js';
import type { Args, FormerlyWatchedKey, WatchedKey } from '../../protocol/command.js';
import { isSmall, REPLY_TOO_LARGE, sizeOf } from '../../protocol/resp/reply-size.js';
import { ErrorReply, NULL_ARRAY, type RespValue } from '../../protocol/resp/value.js';
import type { TransactionCommands } from '../batch-visitor.js';
import { goOn, type Steps, type Work } from '../work.js';
import { FIRST_RULE, type WorkRule } from '../work-rules.js';
import { beginLong, execute } from './execute.js';
import { wasUnchanged } from './former-watch.js';
import type { Keyspace, ReadableKeyspace } from './keyspace.js';

/** Keys that are watched, and fetched, together. */
const FETCHED_KEYS = 64;

function tooMuchWork({ maxUnits }: WorkRule): ErrorReply {
  return new ErrorReply(
    `EXECABORT Transaction discarded because of: it is over the limit of ${maxUnits} units of work`,
  );
}

/**
 * Executes all, or none and returns {@link NULL_ARRAY} when a watched key has changed, or an error when all of them are too
 * much work.
 */
export function* executeTransaction(
  keyspace: Keyspace,
  watched: readonly (WatchedKey | FormerlyWatchedKey)[],
  commands: TransactionCommands,
  rule: WorkRule,
): Steps<RespValue> {
  const { work } = keyspace;
  const endUnits = work.units + rule.maxUnits;
  for (const one of watched) {
    if (!isUnchanged(keyspace, one)) return yield* refused(commands, work, NULL_ARRAY);
    if (work.isSpent) yield;
  }
  if (commands.left * rule.commandUnits > rule.maxUnits)
    return yield* refused(commands, work, tooMuchWork(rule));
  keyspace.beginChanges();
  const replies: RespValue[] = [];
  let leftBytes = MAX_REDIS_REPLY_BYTES;
  while (commands.left > 0) {
    const args = readNext(commands, work, rule) ?? (yield* nextOf(commands, work, rule));
    work.units += rule.commandUnits;
    const steps = beginLong(keyspace, args);
    const value = steps === undefined ? execute(keyspace, args) : yield* finishUpTo(endUnits, steps, work);
    if (work.units > endUnits) {
      while (!keyspace.takeBack()) yield;
      return yield* refused(commands, work, tooMuchWork(rule));
    }
    leftBytes -= sizeOf(value);
    replies.push(leftBytes < 0 && !isSmall(value) ? REPLY_TOO_LARGE : value);
    if (work.isSpent) yield;
  }
  while (!keyspace.keepChanges()) yield;
  return replies;
}

/** What {@link executeTransaction} compares: a key is unchanged if its last change is still the last, or it was never there. */
export function watch(keyspace: Pick<ReadableKeyspace, 'find' | 'removalsOf'>, key: string): WatchedKey {
  return { key, mark: keyspace.find(key)?.revision ?? -1 - keyspace.removalsOf(key) };
}

/** {@link watch} of many keys. */
export function* watchAll(keyspace: ReadableKeyspace, keys: Args): Steps<readonly WatchedKey[]> {
  const watched: WatchedKey[] = [];
  for (let from = 0; from < keys.length; from += FETCHED_KEYS) {
    const fetched = keys.slice(from, from + FETCHED_KEYS);
    keyspace.prefetch(fetched);
    for (const key of fetched) watched.push(watch(keyspace, key));
    if (keyspace.work.isSpent) yield;
  }
  return watched;
}

function isUnchanged(keyspace: Keyspace, watched: WatchedKey | FormerlyWatchedKey): boolean {
  if (!('mark' in watched)) return wasUnchanged(keyspace, watched);
  return watch(keyspace, watched.key).mark === watched.mark;
}

/** The next command; undefined when it is so long that there is more to read. */
function readNext(commands: TransactionCommands, work: Work, rule: WorkRule): Args | undefined {
  const { units } = commands;
  const args = commands.next();
  if (rule.countsReading) work.units += commands.units - units;
  else work.addHidden(commands.units - units);
  return args;
}

/** The next command, of which a part was read. */
function* nextOf(commands: TransactionCommands, work: Work, rule: WorkRule): Steps<Args> {
  while (true) {
    if (work.isSpent) yield;
    const args = readNext(commands, work, rule);
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
function* refused(commands: TransactionCommands, work: Work, reply: RespValue): Steps<RespValue> {
  while (commands.left > 0) {
    readNext(commands, work, FIRST_RULE);
    if (work.isSpent) yield;
  }
  return reply;
}
