/** BITOP: bitwise AND, OR, XOR and NOT of whole values, in steps. */

import type { Args } from '../../protocol/command.js';
import { SYNTAX_ERROR } from '../../protocol/resp/error-replies.js';
import { ErrorReply, type RespValue } from '../../protocol/resp/value.js';
import { MAX_BITS_WORK } from '../../redis-limits.js';
import type { Steps } from '../work.js';
import type { Keyspace } from './keyspace.js';

/** The cost of combining a byte: see work.ts. */
const BYTE_WORK = 6;

const NOT_TAKES_ONE = new ErrorReply('ERR BITOP NOT must be called with a single source key.');

const TOO_MUCH = new ErrorReply(
  `ERR the longest value times the number of values is over ${Math.floor(MAX_BITS_WORK / BYTE_WORK)} bytes`,
);

type Operation = 'AND' | 'OR' | 'XOR' | 'NOT';

const OPERATIONS = new Map<string, Operation>([
  ['AND', 'AND'],
  ['OR', 'OR'],
  ['XOR', 'XOR'],
  ['NOT', 'NOT'],
]);

/** Bytes that are combined at once: about 0.1 ms. */
const STEP_BYTES = 32 * 1024;

export function* bitop(keyspace: Keyspace, [name = '', target = '', ...sources]: Args): Steps<RespValue> {
  const operation = OPERATIONS.get(name.toUpperCase());
  if (operation === undefined) return SYNTAX_ERROR;
  if (operation === 'NOT' && sources.length !== 1) return NOT_TAKES_ONE;
  let longest = 0;
  for (const key of sources) {
    longest = Math.max(longest, keyspace.find(key)?.length ?? 0);
    if (keyspace.work.isSpent) yield;
  }
  if (BYTE_WORK * longest * sources.length > MAX_BITS_WORK) return TOO_MUCH;
  const result = Buffer.from(new ArrayBuffer(longest));
  for (const [place, key] of sources.entries()) {
    for (let from = 0; from < longest; from += STEP_BYTES) {
      const part = keyspace.slice(key, from, from + STEP_BYTES);
      const end = Math.min(longest, from + STEP_BYTES);
      combine(result.subarray(from, end), part, place === 0 && operation !== 'NOT' ? 'OR' : operation);
      keyspace.work.units += BYTE_WORK * (end - from);
      if (keyspace.work.isSpent) yield;
    }
  }
  if (longest === 0) keyspace.remove(target);
  else keyspace.put(target, result.toString('latin1'), 0);
  return longest;
}

const WORD_BYTES = 4;

/** What is combined, where both begin at a word; and their words. */
const OTHERS = Buffer.alloc(STEP_BYTES);
const OTHER_WORDS = new Int32Array(OTHERS.buffer, OTHERS.byteOffset, STEP_BYTES / WORD_BYTES);

/** Combines the bytes, which begin at a word, with those of the part; what it lacks is zeros. */
function combine(bytes: Uint8Array, part: string, operation: Operation): void {
  OTHERS.fill(0, OTHERS.write(part, 'latin1'), bytes.length);
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, Math.floor(bytes.length / WORD_BYTES));
  combineNumbers(words, OTHER_WORDS, 0, operation);
  combineNumbers(bytes, OTHERS, words.length * WORD_BYTES, operation);
}

function combineNumbers<Numbers extends Uint8Array | Int32Array>(
  numbers: Numbers,
  others: Numbers,
  start: number,
  operation: Operation,
): void {
  const { length } = numbers;
  switch (operation) {
    case 'AND':
      for (let at = start; at < length; at += 1) numbers[at] = (numbers[at] ?? 0) & (others[at] ?? 0);
      return;
    case 'OR':
      for (let at = start; at < length; at += 1) numbers[at] = (numbers[at] ?? 0) | (others[at] ?? 0);
      return;
    case 'XOR':
      for (let at = start; at < length; at += 1) numbers[at] = (numbers[at] ?? 0) ^ (others[at] ?? 0);
      return;
    case 'NOT':
      for (let at = start; at < length; at += 1) numbers[at] = ~(others[at] ?? 0);
      return;
  }
}
