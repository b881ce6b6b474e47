/** Commands on keys, apart from their values. */

import type { Args } from '../../protocol/command.js';
import { badDatabase, NO_SUCH_KEY, printed, SYNTAX_ERROR } from '../../protocol/resp/error-replies.js';
import { ErrorReply, OK, type RespValue, SimpleString } from '../../protocol/resp/value.js';
import { ChangeEvent } from '../change-events.js';
import { deadlineOf, type ExpiryUnit } from './expiry.js';
import type { Keyspace, Read, ReadableKeyspace, Write } from './keyspace.js';

const NX_WITH_OTHERS = new ErrorReply('ERR NX and XX, GT or LT options at the same time are not compatible');
const GT_AND_LT = new ErrorReply('ERR GT and LT options at the same time are not compatible');
const SAME_OBJECT = new ErrorReply('ERR source and destination objects are the same');

function count(keys: Args, holds: (key: string) => boolean): number {
  return keys.reduce((sum, key) => sum + (holds(key) ? 1 : 0), 0);
}

function remove(keyspace: Keyspace, keys: Args): RespValue {
  return count(keys, (key) => keyspace.remove(key));
}

/** Copies value and deadline. The version of `to` counts on. */
function transfer(keyspace: Keyspace, from: string, to: string, event: ChangeEvent): void {
  const record = keyspace.get(from);
  if (record !== undefined) keyspace.put(to, record.value, record.deadlineMs, event);
}

function rename(keyspace: Keyspace, [from = '', to = '']: Args): RespValue {
  if (keyspace.find(from) === undefined) return NO_SUCH_KEY;
  if (from === to) return OK;
  transfer(keyspace, from, to, ChangeEvent.rename);
  keyspace.remove(from, ChangeEvent.rename);
  return OK;
}

function renamenx(keyspace: Keyspace, args: Args): RespValue {
  const [from = '', to = ''] = args;
  if (keyspace.find(from) === undefined) return NO_SUCH_KEY;
  if (keyspace.find(to) !== undefined) return 0;
  rename(keyspace, args);
  return 1;
}

function copy(keyspace: Keyspace, [from = '', to = '', ...options]: Args): RespValue {
  let replaces = false;
  for (let at = 0; at < options.length; at += 1) {
    const option = options[at]?.toUpperCase();
    if (option === 'REPLACE') replaces = true;
    else if (option === 'DB' && options[at + 1] !== undefined) {
      at += 1;
      const database = options[at] ?? '';
      if (database !== '0') return badDatabase(database);
    } else return SYNTAX_ERROR;
  }
  if (from === to) return SAME_OBJECT;
  if (keyspace.find(from) === undefined || (!replaces && keyspace.find(to) !== undefined)) return 0;
  transfer(keyspace, from, to, ChangeEvent.copy);
  return 1;
}

/** Whether EXPIRE's condition lets the new deadline take the place of the old one; no deadline is later than any. */
function isAllowed(conditions: ReadonlySet<string>, oldMs: number, newMs: number): boolean {
  if (conditions.has('NX') && oldMs !== 0) return false;
  if (conditions.has('XX') && oldMs === 0) return false;
  if (conditions.has('GT') && (oldMs === 0 || newMs <= oldMs)) return false;
  return !(conditions.has('LT') && oldMs !== 0 && newMs >= oldMs);
}

const CONDITIONS = new Set(['NX', 'XX', 'GT', 'LT']);

function expire(command: string, unit: ExpiryUnit): Write {
  return (keyspace, [key = '', amount = '', ...options]) => {
    const unsupported = options.find((option) => !CONDITIONS.has(option.toUpperCase()));
    if (unsupported !== undefined) return new ErrorReply(`ERR Unsupported option ${printed(unsupported)}`);
    const conditions = new Set(options.map((option) => option.toUpperCase()));
    if (conditions.has('NX') && conditions.size > 1) return NX_WITH_OTHERS;
    if (conditions.has('GT') && conditions.has('LT')) return GT_AND_LT;
    const deadline = deadlineOf(keyspace, amount, { unit, command, mustBePositive: false });
    if (typeof deadline !== 'number') return deadline;
    const record = keyspace.find(key);
    if (record === undefined || !isAllowed(conditions, record.deadlineMs, deadline)) return 0;
    keyspace.setDeadline(key, deadline);
    return 1;
  };
}

function persist(keyspace: Keyspace, [key = '']: Args): RespValue {
  const record = keyspace.find(key);
  if (record === undefined || record.deadlineMs === 0) return 0;
  keyspace.setDeadline(key, 0);
  return 1;
}

const NO_KEY = -2;
const NO_DEADLINE = -1;

/** The implementation of TTL and the like, which show a deadline in different ways. */
function tell(show: (deadlineMs: number, nowMs: number) => number): Read {
  return (keyspace, [key = '']) => {
    const record = keyspace.find(key);
    if (record === undefined) return NO_KEY;
    return record.deadlineMs === 0 ? NO_DEADLINE : show(record.deadlineMs, keyspace.nowMs);
  };
}

function leftMs(deadlineMs: number, nowMs: number): number {
  return Math.max(0, deadlineMs - Math.floor(nowMs));
}

function flush(keyspace: Keyspace, [mode, ...more]: Args): RespValue {
  if (more.length > 0 || (mode !== undefined && !/^(?:a?sync)$/i.test(mode))) return SYNTAX_ERROR;
  keyspace.clear();
  return OK;
}

function exists(keyspace: ReadableKeyspace, names: Args): RespValue {
  return count(names, (key) => keyspace.find(key) !== undefined);
}

function type(keyspace: ReadableKeyspace, [key = '']: Args): RespValue {
  return new SimpleString(keyspace.find(key) === undefined ? 'none' : 'string');
}

export const KEY_WRITES: Readonly<Record<string, Write>> = {
  del: remove,
  unlink: remove,
  rename,
  renamenx,
  copy,
  expire: expire('expire', 's'),
  pexpire: expire('pexpire', 'ms'),
  expireat: expire('expireat', 's-at'),
  pexpireat: expire('pexpireat', 'ms-at'),
  persist,
  flushall: flush,
  flushdb: flush,
};

export const KEY_READS: Readonly<Record<string, Read>> = {
  exists,
  touch: exists,
  type,
  ttl: tell((deadlineMs, nowMs) => Math.floor((leftMs(deadlineMs, nowMs) + 500) / 1000)),
  pttl: tell(leftMs),
  expiretime: tell((deadlineMs) => Math.floor((deadlineMs + 500) / 1000)),
  pexpiretime: tell((deadlineMs) => deadlineMs),
  dbsize: ({ size }) => size,
};
