/** Commands on values. */

import { MAX_VALUE_BYTES } from '../../limits.js';
import {
  ErrorReply,
  NOT_A_FLOAT,
  NOT_AN_INTEGER,
  OK,
  type RespValue,
  SYNTAX_ERROR,
  TOO_LONG,
  wrongArity,
} from '../../protocol/resp/value.js';
import {
  ALL_KEYS,
  type Args,
  KEYS_AND_VALUES,
  ONE_KEY,
  type ReadCommand,
  type WriteCommand,
} from './command.js';
import { addDecimals, formatDecimal, parseDecimal } from './decimal.js';
import { deadlineOf, type ExpiryUnit } from './expiry.js';
import type { Keyspace, ReadableKeyspace } from './keyspace.js';
import { isInteger64, parseInteger, parseOffset } from './numbers.js';

const DECREMENT_OVERFLOW = new ErrorReply('ERR decrement would overflow');
const OVERFLOW = new ErrorReply('ERR increment or decrement would overflow');
const NOT_FINITE = new ErrorReply('ERR increment would produce NaN or Infinity');
const OFFSET_OUT_OF_RANGE = new ErrorReply('ERR offset is out of range');

/** A key that is overwritten in place keeps its deadline. */
function overwrite(keyspace: Keyspace, key: string, value: string): void {
  keyspace.put(key, value, keyspace.get(key)?.deadlineMs ?? 0);
}

function valueAt(keyspace: ReadableKeyspace, key: string): string | null {
  return keyspace.get(key)?.value ?? null;
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
    const word = args[at]?.toUpperCase() ?? '';
    const unit = EXPIRY_UNITS.get(word);
    if (word === 'NX' || word === 'XX') {
      if (options.condition !== undefined && options.condition !== word) return undefined;
      options.condition = word;
    } else if (word === 'GET') options.returnsOld = true;
    else if (word === 'KEEPTTL' && options.expiry === undefined) options.keepsTtl = true;
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
  const before = keyspace.get(key);
  const isMet = options.condition === undefined || (options.condition === 'XX') === (before !== undefined);
  if (isMet) keyspace.put(key, value, options.keepsTtl ? (before?.deadlineMs ?? 0) : deadlineMs);
  if (options.returnsOld) return before?.value ?? null;
  return isMet ? OK : null;
}

/** SETEX and PSETEX. */
function setExpiring(command: string, unit: ExpiryUnit): WriteCommand['run'] {
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
  for (let at = 0; at < args.length; at += 2) if (keyspace.get(args[at] ?? '') !== undefined) return 0;
  mset(keyspace, args);
  return 1;
}

function append(keyspace: Keyspace, [key = '', tail = '']: Args): RespValue {
  const value = (valueAt(keyspace, key) ?? '') + tail;
  if (value.length > MAX_VALUE_BYTES) return TOO_LONG;
  overwrite(keyspace, key, value);
  return value.length;
}

function setrange(keyspace: Keyspace, [key = '', offsetText = '', part = '']: Args): RespValue {
  const offset = parseOffset(offsetText);
  if (offset === undefined) return NOT_AN_INTEGER;
  if (offset < 0) return OFFSET_OUT_OF_RANGE;
  const before = valueAt(keyspace, key) ?? '';
  if (part === '') return before.length;
  if (offset + part.length > MAX_VALUE_BYTES) return TOO_LONG;
  const value = before.padEnd(offset, '\0').slice(0, offset) + part + before.slice(offset + part.length);
  overwrite(keyspace, key, value);
  return value.length;
}

function getrange(keyspace: ReadableKeyspace, [key = '', from = '', to = '']: Args): RespValue {
  const [first, last] = [parseOffset(from), parseOffset(to)];
  if (first === undefined || last === undefined) return NOT_AN_INTEGER;
  const value = valueAt(keyspace, key) ?? '';
  if (first < 0 && last < 0 && first > last) return '';
  const start = Math.max(0, first < 0 ? value.length + first : first);
  const end = Math.max(0, last < 0 ? value.length + last : last);
  return start > end ? '' : value.slice(start, end + 1);
}

function increase(keyspace: Keyspace, key: string, by: bigint): RespValue {
  const current = parseInteger(valueAt(keyspace, key) ?? '0');
  if (current === undefined) return NOT_AN_INTEGER;
  const next = current + by;
  if (!isInteger64(next)) return OVERFLOW;
  overwrite(keyspace, key, next.toString());
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

function incrbyfloat(keyspace: Keyspace, [key = '', amount = '']: Args): RespValue {
  const current = parseDecimal(valueAt(keyspace, key) ?? '0');
  const by = parseDecimal(amount);
  if (current === undefined || by === undefined) return NOT_A_FLOAT;
  if (current === 'infinite' || by === 'infinite') return NOT_FINITE;
  const text = formatDecimal(addDecimals(current, by));
  overwrite(keyspace, key, text);
  return text;
}

function write(
  name: string,
  arity: number,
  run: WriteCommand['run'],
  keys: WriteCommand['keys'] = ONE_KEY,
): WriteCommand {
  return { kind: 'write', name, arity, keys, run };
}

function read(
  name: string,
  arity: number,
  run: ReadCommand['run'],
  keys: ReadCommand['keys'] = ONE_KEY,
): ReadCommand {
  return { kind: 'read', name, arity, keys, run };
}

export const STRING_COMMANDS = [
  read('get', 2, (keyspace, [key = '']) => valueAt(keyspace, key)),
  read('mget', -2, (keyspace, keys) => keys.map((key) => valueAt(keyspace, key)), ALL_KEYS),
  read('strlen', 2, (keyspace, [key = '']) => valueAt(keyspace, key)?.length ?? 0),
  read('getrange', 4, getrange),
  write('set', -3, set),
  write('setnx', 3, (keyspace, [key = '', value = '']) => {
    if (keyspace.get(key) !== undefined) return 0;
    keyspace.put(key, value, 0);
    return 1;
  }),
  write('setex', 4, setExpiring('setex', 's')),
  write('psetex', 4, setExpiring('psetex', 'ms')),
  write('getset', 3, (keyspace, [key = '', value = '']) => {
    const before = valueAt(keyspace, key);
    keyspace.put(key, value, 0);
    return before;
  }),
  write('getdel', 2, (keyspace, [key = '']) => {
    const before = valueAt(keyspace, key);
    keyspace.remove(key);
    return before;
  }),
  write('getex', -2, getex),
  write('mset', -3, mset, KEYS_AND_VALUES),
  write('msetnx', -3, msetnx, KEYS_AND_VALUES),
  write('append', 3, append),
  write('setrange', 4, setrange),
  write('incr', 2, (keyspace, [key = '']) => increase(keyspace, key, 1n)),
  write('decr', 2, (keyspace, [key = '']) => increase(keyspace, key, -1n)),
  write('incrby', 3, incrby),
  write('decrby', 3, decrby),
  write('incrbyfloat', 3, incrbyfloat),
];
