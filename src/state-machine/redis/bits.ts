/** Commands on single bits of a value: the first is the highest of the first byte. */

import type { Args } from '../../protocol/command.js';
import { NOT_AN_INTEGER, SYNTAX_ERROR } from '../../protocol/resp/error-replies.js';
import { parseInteger, parseOffset } from '../../protocol/resp/numbers.js';
import { ErrorReply, type RespValue } from '../../protocol/resp/value.js';
import { ChangeEvent } from '../change-events.js';
import type { Keyspace, Read, ReadableKeyspace, Write } from './keyspace.js';

const BAD_OFFSET = new ErrorReply('ERR bit offset is not an integer or out of range');
const BAD_BIT = new ErrorReply('ERR bit is not an integer or out of range');
const NOT_A_BIT = new ErrorReply('ERR The bit argument must be 1 or 0.');

const BYTE_BITS = 8;

/** The cost of counting, or looking for, the bits of a byte: see work.ts. */
const BYTE_WORK = 3;

/** The offset of a bit that a value may have; undefined for anything else. */
export function parseBitOffset({ maxValueBytes }: ReadableKeyspace, text: string): number | undefined {
  const offset = parseInteger(text);
  if (offset === undefined || offset < 0n) return undefined;
  return offset < BigInt(BYTE_BITS * maxValueBytes) ? Number(offset) : undefined;
}

function byteAt(keyspace: ReadableKeyspace, key: string, at: number): number {
  const byte = keyspace.slice(key, at, at + 1);
  return byte === '' ? 0 : byte.charCodeAt(0);
}

function maskOf(offset: number): number {
  return 0x80 >> (offset % BYTE_BITS);
}

function setbit(keyspace: Keyspace, [key = '', offsetText = '', bit = '']: Args): RespValue {
  const offset = parseBitOffset(keyspace, offsetText);
  if (offset === undefined) return BAD_OFFSET;
  if (bit !== '0' && bit !== '1') return BAD_BIT;
  const at = Math.floor(offset / BYTE_BITS);
  const found = keyspace.slice(key, at, at + 1);
  const before = found === '' ? 0 : found.charCodeAt(0);
  const mask = maskOf(offset);
  const after = bit === '1' ? before | mask : before & ~mask;
  const isSame = found !== '' && after === before;
  keyspace.writePart(key, at, String.fromCharCode(after), isSame ? ChangeEvent.silent : ChangeEvent.setbit);
  return (before & mask) === 0 ? 0 : 1;
}

function getbit(keyspace: ReadableKeyspace, [key = '', offsetText = '']: Args): RespValue {
  const offset = parseBitOffset(keyspace, offsetText);
  if (offset === undefined) return BAD_OFFSET;
  return (byteAt(keyspace, key, Math.floor(offset / BYTE_BITS)) & maskOf(offset)) === 0 ? 0 : 1;
}

/** Bits of a value, the last included. Empty if the first comes after the last. */
interface BitRange {
  readonly first: number;
  readonly last: number;
}

/**
 * The range that start and end name, each counted from the end if it is negative.
 *
 * @param unit BIT or BYTE
 */
function rangeOf(
  byteLength: number,
  start: number,
  end: number,
  unit: string | undefined,
): BitRange | undefined {
  const isBit = unit?.toUpperCase() === 'BIT';
  if (unit !== undefined && !isBit && unit.toUpperCase() !== 'BYTE') return undefined;
  const total = isBit ? byteLength * BYTE_BITS : byteLength;
  const first = Math.max(0, start < 0 ? total + start : start);
  const last = Math.min(total - 1, Math.max(0, end < 0 ? total + end : end));
  return isBit ? { first, last } : { first: first * BYTE_BITS, last: last * BYTE_BITS + BYTE_BITS - 1 };
}

const ONES = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll('0', '').length);

function bitcount(keyspace: ReadableKeyspace, args: Args): RespValue {
  const [key = '', startText, endText, unit, ...more] = args;
  const length = keyspace.find(key)?.length;
  if (length === undefined) return 0;
  if (args.length === 2 || more.length > 0) return SYNTAX_ERROR;
  const [start, end] = [parseOffset(startText ?? '0'), parseOffset(endText ?? '-1')];
  if (start === undefined || end === undefined) return NOT_AN_INTEGER;
  if (start < 0 && end < 0 && start > end) return 0;
  const range = rangeOf(length, start, end, unit);
  return range === undefined ? SYNTAX_ERROR : countBits(keyspace, key, range);
}

function countBits(keyspace: ReadableKeyspace, key: string, { first, last }: BitRange): number {
  if (first > last) return 0;
  const from = Math.floor(first / BYTE_BITS);
  const bytes = keyspace.slice(key, from, Math.floor(last / BYTE_BITS) + 1);
  keyspace.work.units += BYTE_WORK * bytes.length;
  let count = 0;
  for (let at = 0; at < bytes.length; at += 1) count += ONES[bytes.charCodeAt(at)] ?? 0;
  const before = bytes.charCodeAt(0) >> (BYTE_BITS - (first % BYTE_BITS));
  const after = bytes.charCodeAt(bytes.length - 1) & ((0x80 >> (last % BYTE_BITS)) - 1);
  return count - (ONES[before] ?? 0) - (ONES[after] ?? 0);
}

const ABSENT = -1;

function bitpos(keyspace: ReadableKeyspace, args: Args): RespValue {
  const [key = '', bitText = '', startText, endText, unit, ...more] = args;
  const bit = parseInteger(bitText);
  if (bit === undefined) return NOT_AN_INTEGER;
  if (bit !== 0n && bit !== 1n) return NOT_A_BIT;
  const length = keyspace.find(key)?.length;
  // What is not there is zeros without an end.
  if (length === undefined) return bit === 0n ? 0 : ABSENT;
  if (more.length > 0) return SYNTAX_ERROR;
  const [start, end] = [parseOffset(startText ?? '0'), parseOffset(endText ?? '-1')];
  if (start === undefined) return NOT_AN_INTEGER;
  // In this order: Redis looks at the unit before the end.
  const range = rangeOf(length, start, end ?? 0, unit);
  if (range === undefined) return SYNTAX_ERROR;
  if (end === undefined) return NOT_AN_INTEGER;
  if (range.first > range.last) return ABSENT;
  const found = findBit(keyspace, key, bit === 1n, range);
  // Without an end, zeros follow the value.
  if (found === undefined) return bit === 0n && endText === undefined ? length * BYTE_BITS : ABSENT;
  return found;
}

function findBit(
  keyspace: ReadableKeyspace,
  key: string,
  isSet: boolean,
  { first, last }: BitRange,
): number | undefined {
  const from = Math.floor(first / BYTE_BITS);
  const bytes = keyspace.slice(key, from, Math.floor(last / BYTE_BITS) + 1);
  const dull = isSet ? 0x00 : 0xff;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes.charCodeAt(at);
    if (byte === dull) continue;
    const start = (from + at) * BYTE_BITS;
    for (let offset = Math.max(start, first); offset <= Math.min(start + BYTE_BITS - 1, last); offset += 1) {
      if (((byte & maskOf(offset)) !== 0) !== isSet) continue;
      keyspace.work.units += BYTE_WORK * at;
      return offset;
    }
  }
  keyspace.work.units += BYTE_WORK * bytes.length;
  return undefined;
}

export const BIT_WRITES: Readonly<Record<string, Write>> = { setbit };

export const BIT_READS: Readonly<Record<string, Read>> = { getbit, bitcount, bitpos };
