/**
 * The part of a client's stream that is not yet answered: appended at the end, dropped from the front.
 *
 * It is copied, since a client that sends single bytes would make us hold an object of a hundred bytes for each. The copy is in
 * chunks, so that a long stream takes no more memory than it has bytes left, and goes back as it is answered.
 */

import assert from 'node:assert/strict';
import { HELD_CHUNK_BYTES, MAX_IDLE_HELD_BYTES } from '../limits.js';
import { type HeldChunk, HeldChunks } from './held-chunks.js';

const LEAST_CHUNK_BYTES = 512;

/** Of all connections. */
const SHARED = new HeldChunks();

interface Chunk {
  readonly bytes: Buffer;
  /** Where the bytes are to be given back to; undefined for a short chunk. */
  readonly held: HeldChunk | undefined;
  start: number;
  end: number;
}

export class HeldBytes {
  /** No chunk is empty, except the only one that is kept while nothing is held. */
  readonly #chunks: Chunk[] = [];
  #length = 0;
  #isPinned = false;
  /** Chunks that were let go while views of them had to stay valid. */
  #letGo: HeldChunk[] = [];
  readonly #shared: HeldChunks;

  constructor(shared = SHARED) {
    this.#shared = shared;
  }

  get isPinned(): boolean {
    return this.#isPinned;
  }

  /** Views stay valid after an {@link append} and a {@link discard}, too, while this is set. */
  set isPinned(isPinned: boolean) {
    this.#isPinned = isPinned;
    if (isPinned) return;
    for (const chunk of this.#letGo) this.#shared.giveBack(chunk);
    this.#letGo = [];
  }

  get length(): number {
    return this.#length;
  }

  append(bytes: Uint8Array): void {
    this.#length += bytes.byteLength;
    for (let at = 0; at < bytes.byteLength; ) {
      const chunk = this.#chunkWithRoom(bytes.byteLength - at);
      const count = Math.min(bytes.byteLength - at, chunk.bytes.byteLength - chunk.end);
      const isAll = at === 0 && count === bytes.byteLength;
      chunk.bytes.set(isAll ? bytes : bytes.subarray(at, at + count), chunk.end);
      chunk.end += count;
      at += count;
    }
  }

  /** Drops bytes from the front. */
  discard(byteCount: number): void {
    this.#length -= byteCount;
    let rest = byteCount;
    for (let first = this.#chunks[0]; first !== undefined && rest > 0; first = this.#chunks[0]) {
      const count = Math.min(rest, first.end - first.start);
      first.start += count;
      rest -= count;
      if (first.start < first.end) return;
      first.start = 0;
      first.end = 0;
      const mayBeUsedAgain = this.#length === 0 && !this.isPinned;
      if (!mayBeUsedAgain || first.bytes.byteLength > MAX_IDLE_HELD_BYTES) this.#dropFirst();
    }
  }

  #dropFirst(): void {
    const held = this.#chunks.shift()?.held;
    if (held === undefined) return;
    if (this.#isPinned) this.#letGo.push(held);
    else this.#shared.giveBack(held);
  }

  /** The bytes between two offsets from the front, valid until the next call, unless they are pinned. */
  view(start: number, end: number): Uint8Array {
    assert(end <= this.#length, 'more bytes are asked for than are held');
    const piece = this.piece(start, end);
    if (piece.byteLength === end - start) return piece;
    const whole = Buffer.allocUnsafeSlow(end - start);
    for (let at = start; at < end; ) {
      const part = this.piece(at, end);
      whole.set(part, at - start);
      at += part.byteLength;
    }
    return whole;
  }

  /** The longest contiguous prefix of that range; empty only if the range is. */
  piece(start: number, end: number): Uint8Array {
    let before = 0;
    for (const chunk of this.#chunks) {
      const length = chunk.end - chunk.start;
      if (start < before + length) {
        const from = chunk.start + start - before;
        return chunk.bytes.subarray(from, Math.min(chunk.end, from + end - start));
      }
      before += length;
    }
    return NOTHING;
  }

  /** The last chunk, if that has room, or a new one. What is held in one short chunk goes on in a longer one. */
  #chunkWithRoom(byteCount: number): Chunk {
    const last = this.#chunks.at(-1);
    if (last !== undefined && last.end < last.bytes.byteLength) {
      const isShort = last.bytes.byteLength < HELD_CHUNK_BYTES;
      if (!isShort || last.bytes.byteLength - last.end >= byteCount) return last;
    }
    if (last === undefined || last.bytes.byteLength === HELD_CHUNK_BYTES) return this.#push(0, byteCount);
    const length = last.end - last.start;
    this.#chunks.pop();
    const longer = this.#push(length, length + byteCount);
    last.bytes.copy(longer.bytes, 0, last.start, last.end);
    return longer;
  }

  #push(end: number, byteCount: number): Chunk {
    const room = Math.min(HELD_CHUNK_BYTES, Math.max(2 * byteCount, LEAST_CHUNK_BYTES));
    const held = room === HELD_CHUNK_BYTES ? this.#shared.take() : undefined;
    const chunk = { bytes: held?.bytes ?? Buffer.allocUnsafeSlow(room), held, start: 0, end };
    this.#chunks.push(chunk);
    return chunk;
  }
}

const NOTHING = new Uint8Array(0);
