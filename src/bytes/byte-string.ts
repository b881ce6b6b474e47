/**
 * Keys and values as the record table takes them: hashed, compared and copied four bytes at a time.
 *
 * These loops are most of the cost of applying a command. For a short text, a call into the engine, such as a Buffer's
 * comparison or copy, costs more than the loop.
 */

import { type ByteSpan, type Memory, textOf } from './byte-reader.js';

/** A string of one character per byte, or where the bytes are. */
export type ByteString = string | ByteSpan;

/** Up to here a loop over the bytes is faster than a call into the engine. */
const SHORT_BYTES = 256;
const WORD_BYTES = 4;
const FINAL_ROUNDS = 3;

/** What a table's hashes depend on, so that no client can choose keys that meet in the same place: two 32-bit integers. */
export interface HashSecret {
  readonly k0: number;
  readonly k1: number;
}

/**
 * HalfSipHash (Aumasson and Bernstein) with one round for each word and three at the end: a u32 each of whose bits depends
 * on all bytes and on the secret. Cheaper hashes have keys that collide for every seed.
 */
export function hashOf(text: ByteString, { k0, k1 }: HashSecret): number {
  const { length } = text;
  const words = length >>> 2;
  let tail = length << 24;
  for (let at = words * WORD_BYTES; at < length; at += 1) tail |= byteAt(text, at) << (8 * (at & 3));
  let v0 = k0;
  let v1 = k1;
  let v2 = 0x6c796765 ^ k0;
  let v3 = 0x74656462 ^ k1;
  for (let round = 0; round <= words + FINAL_ROUNDS; round += 1) {
    const word = round < words ? wordAt(text, round * WORD_BYTES) : round === words ? tail : 0;
    if (round === words + 1) v2 ^= 0xff;
    v3 ^= word;
    v0 = (v0 + v1) | 0;
    v1 = rotated(v1, 5) ^ v0;
    v0 = rotated(v0, 16);
    v2 = (v2 + v3) | 0;
    v3 = rotated(v3, 8) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = rotated(v3, 7) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = rotated(v1, 13) ^ v2;
    v2 = rotated(v2, 16);
    v0 ^= word;
  }
  return (v1 ^ v3) >>> 0;
}

/** Whether the bytes from `start` on are those of the text. */
export function equals(text: ByteString, { bytes, view }: Memory, start: number): boolean {
  const { length } = text;
  const wordsEnd = length & -WORD_BYTES;
  for (let at = 0; at < wordsEnd; at += WORD_BYTES)
    if (wordAt(text, at) !== view.getInt32(start + at, true)) return false;
  for (let at = wordsEnd; at < length; at += 1) if (byteAt(text, at) !== bytes[start + at]) return false;
  return true;
}

/** The text as a string of one character per byte. */
export function stringOf(text: ByteString): string {
  return typeof text === 'string' ? text : textOf(text);
}

/** The bytes from `start` up to `end`, as far as there are any. */
export function sliceOf(text: ByteString, start: number, end: number): string {
  if (typeof text === 'string') return text.slice(start, end);
  const last = Math.min(end, text.length);
  return start >= last ? '' : textOf({ ...text, start: text.start + start, length: last - start });
}

/** Whether the one comes before the other in the order of their bytes. */
export function isBefore(one: ByteSpan, other: ByteSpan): boolean {
  const end = one.start + one.length;
  const otherEnd = other.start + other.length;
  return one.memory.bytes.compare(other.memory.bytes, other.start, otherEnd, one.start, end) < 0;
}

/** Copies the text to `start`. */
export function write(text: ByteString, to: Memory, start: number): void {
  if (typeof text !== 'string') copy(text.memory, text.start, to, start, text.length);
  else if (text.length > SHORT_BYTES) to.bytes.write(text, start, 'latin1');
  else for (let at = 0; at < text.length; at += 1) to.bytes[start + at] = text.charCodeAt(at);
}

/** Copies bytes between two places that do not overlap. */
export function copy(from: Memory, fromStart: number, to: Memory, toStart: number, byteCount: number): void {
  if (byteCount > SHORT_BYTES) {
    from.bytes.copy(to.bytes, toStart, fromStart, fromStart + byteCount);
    return;
  }
  const wordsEnd = byteCount & -WORD_BYTES;
  for (let at = 0; at < wordsEnd; at += WORD_BYTES) {
    // In a statement of its own: within the call below, V8 may compile that one into a call of the engine.
    const word = from.view.getInt32(fromStart + at, true);
    to.view.setInt32(toStart + at, word, true);
  }
  for (let at = wordsEnd; at < byteCount; at += 1) to.bytes[toStart + at] = from.bytes[fromStart + at] ?? 0;
}

function byteAt(text: ByteString, at: number): number {
  return typeof text === 'string' ? text.charCodeAt(at) : (text.memory.bytes[text.start + at] ?? 0);
}

/** Four bytes, the first the lowest, as an i32. */
function wordAt(text: ByteString, at: number): number {
  if (typeof text !== 'string') return text.memory.view.getInt32(text.start + at, true);
  return (
    text.charCodeAt(at) |
    (text.charCodeAt(at + 1) << 8) |
    (text.charCodeAt(at + 2) << 16) |
    (text.charCodeAt(at + 3) << 24)
  );
}

function rotated(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
