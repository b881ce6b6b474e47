/** Commands on values. */

import type { Args } from '../../protocol/command.js';
import {
  NOT_A_FLOAT,
  NOT_AN_INTEGER,
  SYNTAX_ERROR,
  TOO_LONG,
  wrongArity,
} from '../../protocol/resp/error-replies.js';
import { isInteger64, parseInteger, parseOffset } from '../../protocol/resp/numbers.js';
import { ErrorReply, OK, type RespValue } from '../../protocol/resp/value.js';
import { ChangeEvent } from '../change-events.js';
import { deadlineOf, type ExpiryUnit } from './expiry.js';
import type { Keyspace, Read, ReadableKeyspace, Write } from './keyspace.js';
import { addLongDoubles, formatLongDouble, parseLongDouble } from './long-double.js';

const DECREMENT_OVERFLOW = new ErrorReply('ERR decrement would overflow');
const OVERFLOW = new ErrorReply('ERR increment or decrement would overflow');
const NOT_FINITE = new ErrorReply('ERR increment would produce NaN or Infinity');
const OFFSET_OUT_OF_RANGE = new ErrorReply('ERR offset is out of range');

function valueAt(keyspace: ReadableKeyspace, key: string): string | null {
  return keyspace.get(key)?.value ?? null;
}

function lengthAt(keyspace: ReadableKeyspace, key: string): number {
  return keyspace.find(key)?.length ?? 0;
}

const EXPIRY_UNITS: ReadonlyMap<string, ExpiryUnit> = new Map([
  ['EX', 's'],
  ['PX', 'ms'],
  ['EXAT', 's-at'],
  ['PXAT', 'ms-at'],
]);

interface SetOptions {
  condition: 'NX' | 'XX' | undefined;
  expiry: { readonly unit: ExpiryUnit; readonly amount: string } | undefined;
  keepsTtl: boolean;
  returnsOld: boolean;
}

/** Undefined for a syntax error. */
function parseSetOptions(args: Args): SetOptions | undefined {
  const options: SetOptions = {
    condition: undefined,
    expiry: undefined,
    keepsTtl: false,
    returnsOld: false,
  };
  for (let at = 2; at < args.length; at += 1) {
    const option = args[at]?.toUpperCase() ?? '';
    const unit = EXPIRY_UNITS.get(option);
    if (option === 'NX' || option === 'XX') {
      if (options.condition !== undefined && options.condition !== option) return undefined;
      options.condition = option;
    } else if (option === 'GET') options.returnsOld = true;
    else if (option === 'KEEPTTL' && options.expiry === undefined) options.keepsTtl = true;
    else if (unit !== undefined && options.expiry === undefined && !options.keepsTtl) {
      at += 1;
      const amount = args[at];
      if (amount === undefined) return undefined;
      options.expiry = { unit, amount };
    } else return undefined;
  }
  return options;
}

function set(keyspace: Keyspace, args: Args): RespValue {
  const [key = '', value = ''] = args;
  const options = parseSetOptions(args);
  if (options === undefined) return SYNTAX_ERROR;
  let deadlineMs = 0;
  if (options.expiry !== undefined) {
    const { unit, amount } = options.expiry;
    const deadline = deadlineOf(keyspace, amount, { unit, command: 'set', mustBePositive: true });
    if (typeof deadline !== 'number') return deadline;
    deadlineMs = deadline;
  }
  const before = keyspace.find(key);
  const old = options.returnsOld ? valueAt(keyspace, key) : null;
  const isMet = options.condition === undefined || (options.condition === 'XX') === (before !== undefined);
  if (isMet && options.keepsTtl) keyspace.put(key, value, before?.deadlineMs ?? 0, ChangeEvent.set);
  else if (isMet) keyspace.put(key, value, deadlineMs);
  if (options.returnsOld) return old;
  return isMet ? OK : null;
}

/** The implementation of SETEX and PSETEX. */
function setExpiring(command: string, unit: ExpiryUnit): Write {
  return (keyspace, [key = '', amount = '', value = '']) => {
    const deadline = deadlineOf(keyspace, amount, { unit, command, mustBePositive: true });
    if (typeof deadline !== 'number') return deadline;
    keyspace.put(key, value, deadline);
    return OK;
  };
}

function getex(keyspace: Keyspace, args: Args): RespValue {
  const [key = '', option, amount] = args;
  const record = keyspace.get(key);
  if (option === undefined) return record?.value ?? null;
  if (option.toUpperCase() === 'PERSIST') {
    if (amount !== undefined) return SYNTAX_ERROR;
    if (record !== undefined) keyspace.setDeadline(key, 0);
    return record?.value ?? null;
  }
  const unit = EXPIRY_UNITS.get(option.toUpperCase());
  if (unit === undefined || amount === undefined || args.length > 3) return SYNTAX_ERROR;
  if (record === undefined) return null;
  const deadline = deadlineOf(keyspace, amount, { unit, command: 'getex', mustBePositive: true });
  if (typeof deadline !== 'number') return deadline;
  keyspace.setDeadline(key, deadline);
  return record.value;
}

function mset(keyspace: Keyspace, args: Args): RespValue {
  if (args.length % 2 !== 0) return wrongArity('mset');
  for (let at = 0; at < args.length; at += 2) keyspace.put(args[at] ?? '', args[at + 1] ?? '', 0);
  return OK;
}

function msetnx(keyspace: Keyspace, args: Args): RespValue {
  if (args.length % 2 !== 0) return wrongArity('msetnx');
  for (let at = 0; at < args.length; at += 2) if (keyspace.find(args[at] ?? '') !== undefined) return 0;
  mset(keyspace, args);
  return 1;
}

function append(keyspace: Keyspace, [key = '', tail = '']: Args): RespValue {
  const length = lengthAt(keyspace, key);
  return length + tail.length > keyspace.maxValueBytes
    ? TOO_LONG
    : keyspace.writePart(key, length, tail, ChangeEvent.append);
}

function setrange(keyspace: Keyspace, [key = '', offsetText = '', part = '']: Args): RespValue {
  const offset = parseOffset(offsetText);
  if (offset === undefined) return NOT_AN_INTEGER;
  if (offset < 0) return OFFSET_OUT_OF_RANGE;
  if (part === '') return lengthAt(keyspace, key);
  return offset + part.length > keyspace.maxValueBytes
    ? TOO_LONG
    : keyspace.writePart(key, offset, part, ChangeEvent.setrange);
}

function getrange(keyspace: ReadableKeyspace, [key = '', from = '', to = '']: Args): RespValue {
  const [first, last] = [parseOffset(from), parseOffset(to)];
  if (first === undefined || last === undefined) return NOT_AN_INTEGER;
  const length = lengthAt(keyspace, key);
  if (first < 0 && last < 0 && first > last) return '';
  const start = Math.max(0, first < 0 ? length + first : first);
  const end = Math.max(0, last < 0 ? length + last : last);
  return start > end ? '' : keyspace.slice(key, start, end + 1);
}

function increase(keyspace: Keyspace, key: string, by: bigint): RespValue {
  const record = keyspace.get(key);
  const current = parseInteger(record?.value ?? '0');
  if (current === undefined) return NOT_AN_INTEGER;
  const next = current + by;
  if (!isInteger64(next)) return OVERFLOW;
  // The deadline stays.
  keyspace.put(key, next.toString(), record?.deadlineMs ?? 0, ChangeEvent.incrby);
  return next;
}

function incrby(keyspace: Keyspace, [key = '', amount = '']: Args): RespValue {
  const by = parseInteger(amount);
  return by === undefined ? NOT_AN_INTEGER : increase(keyspace, key, by);
}

function decrby(keyspace: Keyspace, [key = '', amount = '']: Args): RespValue {
  const by = parseInteger(amount);
  if (by === undefined) return NOT_AN_INTEGER;
  return isInteger64(-by) ? increase(keyspace, key, -by) : DECREMENT_OVERFLOW;
}

/** What adding floats costs, for each character of them, and for each power of two that they are away from one: see work.ts. */
const FLOAT_WORK = 10_000;
const FLOAT_CHAR_WORK = 60;
const FLOAT_EXPONENT_WORK = 20;

function incrbyfloat(keyspace: Keyspace, [key = '', amount = '']: Args): RespValue {
  const record = keyspace.get(key);
  const before = record?.value ?? '0';
  const current = parseLongDouble(before);
  const by = parseLongDouble(amount);
  if (current === undefined || by === undefined) return NOT_A_FLOAT;
  if (current === 'infinite' || by === 'infinite') return NOT_FINITE;
  const sum = addLongDoubles(current, by);
  if (sum === 'infinite') return NOT_FINITE;
  const text = formatLongDouble(sum);
  const chars = before.length + amount.length + text.length;
  keyspace.work.units +=
    FLOAT_WORK +
    FLOAT_CHAR_WORK * chars +
    FLOAT_EXPONENT_WORK * (Math.abs(current.exponent) + Math.abs(by.exponent));
  keyspace.put(key, text, record?.deadlineMs ?? 0, ChangeEvent.incrbyfloat);
  return text;
}

function setnx(keyspace: Keyspace, [key = '', value = '']: Args): RespValue {
  if (keyspace.find(key) !== undefined) return 0;
  keyspace.put(key, value, 0);
  return 1;
}

function getset(keyspace: Keyspace, [key = '', value = '']: Args): RespValue {
  const before = valueAt(keyspace, key);
  keyspace.put(key, value, 0);
  return before;
}

function getdel(keyspace: Keyspace, [key = '']: Args): RespValue {
  const before = valueAt(keyspace, key);
  keyspace.remove(key);
  return before;
}

export const STRING_WRITES: Readonly<Record<string, Write>> = {
  set,
  setnx,
  setex: setExpiring('setex', 's'),
  psetex: setExpiring('psetex', 'ms'),
  getset,
  getdel,
  getex,
  mset,
  msetnx,
  append,
  setrange,
  incr: (keyspace, [key = '']) => increase(keyspace, key, 1n),
  decr: (keyspace, [key = '']) => increase(keyspace, key, -1n),
  incrby,
  decrby,
  incrbyfloat,
};

export const STRING_READS: Readonly<Record<string, Read>> = {
  get: (keyspace, [key = '']) => valueAt(keyspace, key),
  mget: (keyspace, keys) => keys.map((key) => valueAt(keyspace, key)),
  strlen: (keyspace, [key = '']) => lengthAt(keyspace, key),
  getrange,
  substr: getrange,
};
