/**
 * Keys and values as the record table takes them: hashed, compared and copied four bytes at a time.
 *
 * These loops are most of what it costs to apply a command. Calling into the engine, as for a comparison or copy of
 * Buffer's, costs more than a short text does.
 */

import type { ByteSpan, Memory } from '../bytes/byte-reader.js';

/** A string of one character per byte, or where the bytes are. */
export type Text = string | ByteSpan;

/** Up to here a loop over the bytes is faster than a call into the engine. */
const SHORT_BYTES = 256;
const WORD_BYTES = 4;

/** MurmurHash 3 (Austin Appleby's, 32 bits for x86), without the length: a u32 each of whose bits depends on all bytes. */
export function hashOf(text: Text, seed: number): number {
  const { length } = text;
  const wordsEnd = length & -WORD_BYTES;
  let hash = seed;
  for (let at = 0; at < wordsEnd; at += WORD_BYTES) hash = withWord(hash, wordAt(text, at));
  let tail = 0;
  for (let at = length - 1; at >= wordsEnd; at -= 1) tail = (tail << 8) | byteAt(text, at);
  return mixed(wordsEnd === length ? hash : hash ^ scrambled(tail));
}

/** Whether the text stands there. */
export function equals(text: Text, { bytes, view }: Memory, start: number): boolean {
  const { length } = text;
  const wordsEnd = length & -WORD_BYTES;
  for (let at = 0; at < wordsEnd; at += WORD_BYTES)
    if (wordAt(text, at) !== view.getInt32(start + at, true)) return false;
  for (let at = wordsEnd; at < length; at += 1) if (byteAt(text, at) !== bytes[start + at]) return false;
  return true;
}

/** Copies the text to there. */
export function write(text: Text, to: Memory, start: number): void {
  if (typeof text !== 'string') copy(text.memory, text.start, to, start, text.length);
  else if (text.length > SHORT_BYTES) to.bytes.write(text, start, 'latin1');
  else for (let at = 0; at < text.length; at += 1) to.bytes[start + at] = text.charCodeAt(at);
}

/** Between two places that do not overlap. */
export function copy(from: Memory, fromStart: number, to: Memory, toStart: number, byteCount: number): void {
  if (byteCount > SHORT_BYTES) {
    from.bytes.copy(to.bytes, toStart, fromStart, fromStart + byteCount);
    return;
  }
  const wordsEnd = byteCount & -WORD_BYTES;
  for (let at = 0; at < wordsEnd; at += WORD_BYTES)
    to.view.setInt32(toStart + at, from.view.getInt32(fromStart + at, true), true);
  for (let at = wordsEnd; at < byteCount; at += 1) to.bytes[toStart + at] = from.bytes[fromStart + at] ?? 0;
}

function byteAt(text: Text, at: number): number {
  return typeof text === 'string' ? text.charCodeAt(at) : (text.memory.bytes[text.start + at] ?? 0);
}

/** Four bytes, the first the lowest, as an i32. */
function wordAt(text: Text, at: number): number {
  if (typeof text !== 'string') return text.memory.view.getInt32(text.start + at, true);
  return (
    text.charCodeAt(at) |
    (text.charCodeAt(at + 1) << 8) |
    (text.charCodeAt(at + 2) << 16) |
    (text.charCodeAt(at + 3) << 24)
  );
}

function withWord(hash: number, word: number): number {
  return (Math.imul(rotated(hash ^ scrambled(word), 13), 5) + 0xe6546b64) | 0;
}

function scrambled(word: number): number {
  return Math.imul(rotated(Math.imul(word, 0xcc9e2d51), 15), 0x1b873593);
}

function rotated(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

function mixed(hash: number): number {
  let bits = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
