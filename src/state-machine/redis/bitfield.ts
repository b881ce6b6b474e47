/** BITFIELD: integers of any width at any bit of a value. */

import type { Args } from '../../protocol/command.js';
import { NOT_AN_INTEGER, SYNTAX_ERROR } from '../../protocol/resp/error-replies.js';
import { parseInteger } from '../../protocol/resp/numbers.js';
import { ErrorReply, type RespValue } from '../../protocol/resp/value.js';
import { MAX_BITS_WORK } from '../../redis-limits.js';
import { ChangeEvent } from '../change-events.js';
import type { Steps } from '../work.js';
import type { Keyspace, Read, ReadableKeyspace } from './keyspace.js';

const BAD_TYPE = new ErrorReply(
  'ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.',
);
const BAD_OFFSET = new ErrorReply('ERR bit offset is not an integer or out of range');
const BAD_OVERFLOW = new ErrorReply('ERR Invalid OVERFLOW type specified');
const READS_ONLY = new ErrorReply('ERR BITFIELD_RO only supports the GET subcommand');

const BYTE_BITS = 8;

/** The cost of reading or writing a field: see work.ts. */
const FIELD_WORK = 20_000;
/** The cost of reading what an operation is. */
const PARSE_WORK = 2_000;
const MAX_OPERATIONS = MAX_BITS_WORK / FIELD_WORK;
const TOO_MANY = new ErrorReply(`ERR more than ${MAX_OPERATIONS} operations`);

type Overflow = 'WRAP' | 'SAT' | 'FAIL';

const OVERFLOWS = new Map<string, Overflow>([
  ['WRAP', 'WRAP'],
  ['SAT', 'SAT'],
  ['FAIL', 'FAIL'],
]);

interface Field {
  readonly isSigned: boolean;
  readonly bits: number;
  readonly offset: number;
}

type Operation =
  | { readonly type: 'GET'; readonly field: Field }
  | {
      readonly type: 'SET' | 'INCRBY';
      readonly field: Field;
      readonly amount: bigint;
      readonly overflow: Overflow;
    };

export function* bitfield(keyspace: Keyspace, [key = '', ...args]: Args): Steps<RespValue> {
  const operations = yield* parse(args, keyspace);
  if (operations instanceof ErrorReply) return operations;
  let lastByte = -1;
  for (const { type, field } of operations)
    if (type !== 'GET')
      lastByte = Math.max(lastByte, Math.floor((field.offset + field.bits - 1) / BYTE_BITS));
  const length = keyspace.find(key)?.length ?? 0;
  // The bytes to write to exist before, as zeros, even if no operation writes.
  const grows = lastByte >= length;
  if (grows) keyspace.writePart(key, lastByte, '\0', ChangeEvent.silent);
  // However many fields change, that is one event.
  let event: ChangeEvent = ChangeEvent.setbit;
  const replies: RespValue[] = [];
  for (const operation of operations) {
    if (operation.type === 'GET') replies.push(read(keyspace, key, operation.field));
    else {
      const { reply, isChange } = write(keyspace, key, operation, { grows, event });
      replies.push(reply);
      if (isChange) event = ChangeEvent.silent;
    }
    keyspace.work.units += FIELD_WORK;
    if (keyspace.work.isSpent) yield;
  }
  return replies;
}

/** The same in one step. */
export const BITFIELD_READS: Readonly<Record<string, Read>> = {
  bitfield_ro: (keyspace, args) => {
    const steps = bitfieldReadOnly(keyspace, args);
    while (true) {
      const step = steps.next();
      if (step.done === true) return step.value;
    }
  },
};

export function* bitfieldReadOnly(keyspace: ReadableKeyspace, [key = '', ...args]: Args): Steps<RespValue> {
  const operations = yield* parse(args, keyspace);
  if (operations instanceof ErrorReply) return operations;
  const replies: RespValue[] = [];
  for (const { type, field } of operations) {
    if (type !== 'GET') return READS_ONLY;
    replies.push(read(keyspace, key, field));
    keyspace.work.units += FIELD_WORK;
    if (keyspace.work.isSpent) yield;
  }
  return replies;
}

function* parse(args: Args, { maxValueBytes, work }: ReadableKeyspace): Steps<Operation[] | ErrorReply> {
  const operations: Operation[] = [];
  let overflow: Overflow = 'WRAP';
  for (let at = 0; at < args.length; ) {
    // No part of what a transaction may cost: all logs count without it.
    work.addHidden(PARSE_WORK);
    if (work.isSpent) yield;
    if (operations.length === MAX_OPERATIONS) return TOO_MANY;
    const name = args[at]?.toUpperCase();
    const left = args.length - at - 1;
    if (name === 'OVERFLOW' && left >= 1) {
      const wanted = OVERFLOWS.get(args[at + 1]?.toUpperCase() ?? '');
      if (wanted === undefined) return BAD_OVERFLOW;
      overflow = wanted;
      at += 2;
      continue;
    }
    const isGet = name === 'GET' && left >= 2;
    if (!isGet && !((name === 'SET' || name === 'INCRBY') && left >= 3)) return SYNTAX_ERROR;
    const field = parseField(args[at + 1] ?? '', args[at + 2] ?? '', maxValueBytes);
    if (field instanceof ErrorReply) return field;
    if (name === 'SET' || name === 'INCRBY') {
      const amount = parseInteger(args[at + 3] ?? '');
      if (amount === undefined) return NOT_AN_INTEGER;
      operations.push({ type: name, field, amount, overflow });
      at += 4;
    } else {
      operations.push({ type: 'GET', field });
      at += 3;
    }
  }
  return operations;
}

function parseField(type: string, offsetText: string, maxValueBytes: number): Field | ErrorReply {
  const [, sign = '', bitsText = ''] = /^([iu])([1-9]\d?)$/.exec(type) ?? [];
  const bits = Number(bitsText);
  const isSigned = sign === 'i';
  if (sign === '' || bits > (isSigned ? 64 : 63)) return BAD_TYPE;
  const isMultiple = offsetText.startsWith('#');
  const place = parseInteger(isMultiple ? offsetText.slice(1) : offsetText);
  if (place === undefined || place < 0n) return BAD_OFFSET;
  const offset = isMultiple ? place * BigInt(bits) : place;
  const limit = BigInt(BYTE_BITS * maxValueBytes);
  return offset + BigInt(bits) > limit ? BAD_OFFSET : { isSigned, bits, offset: Number(offset) };
}

/** The bytes that the field lies in, as one number, and how many bits of it come after the field. */
function surroundings(
  keyspace: ReadableKeyspace,
  key: string,
  { offset, bits }: Field,
): { readonly value: bigint; readonly after: bigint; readonly from: number; readonly byteCount: number } {
  const from = Math.floor(offset / BYTE_BITS);
  const end = Math.floor((offset + bits - 1) / BYTE_BITS) + 1;
  const bytes = keyspace.slice(key, from, end);
  let value = 0n;
  for (let at = 0; at < end - from; at += 1)
    value = (value << 8n) | BigInt(at < bytes.length ? bytes.charCodeAt(at) : 0);
  return { value, after: BigInt(end * BYTE_BITS - offset - bits), from, byteCount: end - from };
}

function read(keyspace: ReadableKeyspace, key: string, field: Field): bigint {
  const { value, after } = surroundings(keyspace, key, field);
  return interpreted(value >> after, field);
}

/** The lowest bits, read as the field's type. */
function interpreted(value: bigint, { isSigned, bits }: Field): bigint {
  return isSigned ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
}

function write(
  keyspace: Keyspace,
  key: string,
  { type, field, amount, overflow }: Extract<Operation, { amount: bigint }>,
  { grows, event }: { readonly grows: boolean; readonly event: ChangeEvent },
): { readonly reply: RespValue; readonly isChange: boolean } {
  const around = surroundings(keyspace, key, field);
  const before = interpreted(around.value >> around.after, field);
  // As in Redis, a negative number is beyond the highest for an unsigned field.
  const wanted = field.isSigned ? amount : BigInt.asUintN(64, amount);
  const next = fitted(type === 'SET' ? wanted : before + amount, field, overflow);
  if (next === undefined) return { reply: null, isChange: false };
  const mask = ((1n << BigInt(field.bits)) - 1n) << around.after;
  const value = (around.value & ~mask) | ((next << around.after) & mask);
  const hex = value.toString(16).padStart(2 * around.byteCount, '0');
  const isChange = grows || value !== around.value;
  const part = Buffer.from(hex, 'hex').toString('latin1');
  keyspace.writePart(key, around.from, part, isChange ? event : ChangeEvent.silent);
  return { reply: type === 'SET' ? before : next, isChange };
}

/** The value that the field takes; undefined if it takes none. */
function fitted(value: bigint, field: Field, overflow: Overflow): bigint | undefined {
  const wrapped = interpreted(value, field);
  if (wrapped === value || overflow === 'WRAP') return wrapped;
  if (overflow === 'FAIL') return undefined;
  const top = 1n << BigInt(field.isSigned ? field.bits - 1 : field.bits);
  if (value > 0n) return top - 1n;
  return field.isSigned ? -top : 0n;
}
