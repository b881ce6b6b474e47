/**
 * A growable byte buffer that is written front to back and handed out whole.
 *
 * Every format of the project (log entries, links between servers, client traffic, replies) is written with
 * it: little-endian, fixed-width numbers, byte strings as they are. {@link ByteReader} is its counterpart.
 */

import type { ByteString } from './byte-string.js';

/** Up to here a loop over the characters is faster than a call into the engine. */
const SHORT_CHARS = 48;
const SHORT_BYTES = 256;
const WORD_BYTES = 4;
const ZERO = 0x30;
const MAX_U32 = 2 ** 32 - 1;
const MAX_SAFE_BYTES = 0x7fffffff;

/** Bytes a writer asks for at first. */
const INITIAL_CAPACITY_BYTES = 1024;

export class ByteWriter {
  #buffer: Buffer<ArrayBuffer>;
  /** A view of the same memory: its methods are a few instructions each, a Buffer's methods check their arguments first. */
  #view: DataView<ArrayBuffer>;
  /** Kept as a number: asking a Buffer for its length is a call. */
  #capacity: number;
  #length = 0;

  /** @param capacityBytes room to start with; the buffer doubles whenever it is full. */
  constructor(capacityBytes: number = INITIAL_CAPACITY_BYTES) {
    this.#buffer = allocate(capacityBytes);
    this.#view = new DataView(this.#buffer.buffer);
    this.#capacity = capacityBytes;
  }

  /** How many bytes were written since the last {@link take}. */
  get length(): number {
    return this.#length;
  }

  u8(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#length] = value;
    this.#length += 1;
  }

  /** Appends an unsigned 32-bit integer. Throws RangeError outside [0, 2^32). */
  u32(value: number): void {
    this.#reserve(4);
    this.patchU32(this.#length, value);
    this.#length += 4;
  }

  /** Appends a number as 64-bit float: integers are exact up to 2^53. */
  f64(value: number): void {
    this.#reserve(8);
    this.patchF64(this.#length, value);
    this.#length += 8;
  }

  /** Appends the bytes as they are, without their length. */
  bytes(value: Uint8Array): void {
    this.#reserve(value.byteLength);
    this.#buffer.set(value, this.#length);
    this.#length += value.byteLength;
  }

  /** Appends one byte per character; every character must be in [0, 256). Without its length. */
  latin1(value: string): void {
    this.#reserve(value.length);
    if (value.length > SHORT_CHARS) this.#buffer.write(value, this.#length, 'latin1');
    else for (let at = 0; at < value.length; at += 1) this.#buffer[this.#length + at] = value.charCodeAt(at);
    this.#length += value.length;
  }

  /**
   * Appends a string as {@link latin1} does, or bytes from where they lie. Without its length. The bytes are copied as by `copy`
   * (byte-string.ts), which takes memories that stay.
   */
  text(value: ByteString): void {
    if (typeof value === 'string') {
      this.latin1(value);
      return;
    }
    const { memory, start, length } = value;
    this.#reserve(length);
    if (length > SHORT_BYTES) memory.bytes.copy(this.#buffer, this.#length, start, start + length);
    else {
      const wordsEnd = length & -WORD_BYTES;
      for (let at = 0; at < wordsEnd; at += WORD_BYTES) {
        const word = memory.view.getInt32(start + at);
        this.#view.setInt32(this.#length + at, word);
      }
      for (let at = wordsEnd; at < length; at += 1)
        this.#buffer[this.#length + at] = memory.bytes[start + at] ?? 0;
    }
    this.#length += length;
  }

  /** Appends the decimal digits of an integer from 0 on. */
  decimal(value: number): void {
    if (value > 9) this.decimal(Math.trunc(value / 10));
    this.u8(ZERO + (value % 10));
  }

  /**
   * Overwrites four bytes written earlier, for a count or a length that is known only later. Throws RangeError for a value
   * outside [0, 2^32).
   */
  patchU32(offset: number, value: number): void {
    if (!(value >= 0 && value <= MAX_U32)) throw new RangeError(`${value} is no unsigned 32-bit integer`);
    this.#view.setUint32(offset, value, true);
  }

  /** Overwrites eight bytes written earlier. */
  patchF64(offset: number, value: number): void {
    this.#view.setFloat64(offset, value, true);
  }

  /**
   * Hands out what was written and starts anew. The result is exactly as long as what was written, owns its
   * memory alone, and so can be transferred to another thread.
   */
  take(): Uint8Array<ArrayBuffer> {
    const taken = allocate(this.#length);
    taken.set(this.#buffer.subarray(0, this.#length));
    this.#length = 0;
    return taken;
  }

  /** A view of what was written so far, valid until the next write. */
  view(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Forgets what was written. */
  clear(): void {
    this.#length = 0;
  }

  #reserve(byteCount: number): void {
    const needed = this.#length + byteCount;
    if (needed <= this.#capacity) return;
    if (needed > MAX_SAFE_BYTES) throw new RangeError(`a buffer of ${needed} bytes is over the limit`);
    const capacity = Math.max(needed, this.#capacity * 2);
    const grown = allocate(capacity);
    grown.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = grown;
    this.#capacity = capacity;
    this.#view = new DataView(grown.buffer);
  }
}

/** Never from Node's shared pool: a pooled buffer cannot be transferred and keeps its neighbours alive. */
function allocate(byteCount: number): Buffer<ArrayBuffer> {
  return Buffer.allocUnsafeSlow(byteCount);
}
