/**
 * The last changes of keys, in the order of their revisions, for those who watch: in memory, bounded in number and in bytes,
 * and not replicated. The newest change is always kept.
 *
 * The changes lie one after the other in chunks, the oldest of which goes as a whole. A change is the lengths of key and value
 * (u32 each), its kind (u32), version (f64), deadline (f64, ms since the epoch, 0 for never), the key's bytes, and the value's
 * unless that is large: then the string that the store holds is kept.
 */

import { type ByteSpan, type Memory, memoryOf, textOf } from '../bytes/byte-reader.js';
import { type ByteString, write } from '../bytes/byte-string.js';
import { MAX_HISTORY_BYTES, MAX_HISTORY_CHANGES } from '../watch-limits.js';
import { MAX_INLINE_VALUE_BYTES } from './record-layout.js';

const CHUNK_BYTES = 64 * 1024;
const HEADER_BYTES = 28;
const VALUE_LENGTH_AT = 4;
const KIND_AT = 8;
const CHANGE_VERSION_AT = 12;
const CHANGE_DEADLINE_AT = 20;

const KINDS = ['set', 'deleted', 'expired', 'flushed'] as const;
export type ChangeKind = (typeof KINDS)[number];

const SET = KINDS.indexOf('set');
/** In place of {@link SET} where the value lies elsewhere, if it is kept. */
const SET_ELSEWHERE = KINDS.length;

/** A change, as a watcher is told of it. */
export interface KeyChange {
  readonly kind: ChangeKind;
  readonly revision: number;
  /** One character per byte; empty for `flushed`, which is all keys. */
  readonly key: string;
  /** Of `set`, as the next two. */
  readonly version: number;
  /** In ms since the epoch; 0 for never. */
  readonly deadlineMs: number;
  /** Undefined for a value over {@link MAX_INLINE_VALUE_BYTES} of which a part was written, and which is not kept. */
  readonly value: ByteString | undefined;
}

interface Chunk {
  readonly memory: Memory;
  used: number;
  firstRevision: number;
  count: number;
  /** Values that lie elsewhere, by the revision, and their bytes. */
  readonly large: Map<number, ByteString>;
  largeBytes: number;
}

export class History {
  /** Keeps also values of which a part was written, which costs a copy with the next part: somebody watches. */
  keepsParts = false;
  #chunks: Chunk[] = [];
  #bytes = 0;
  #count = 0;
  /** The first revision from which on all changes are kept; 0 if there was none before those. */
  #first = 0;
  /** No change has this revision or a lower one, as far as is known: see {@link beginAt}. */
  #begin = 0;
  /** A chunk's memory, to be used again. */
  #spare: Memory | undefined;
  /** Where the last {@link visit} has ended. */
  #end: { readonly chunk: Chunk; readonly offset: number; readonly revision: number } | undefined;

  /** The first revision from which on all changes are kept. */
  get first(): number {
    return this.#first;
  }

  /** The lowest revision that {@link keepsFrom} is true for, other than 1. */
  get firstKept(): number {
    return Math.max(this.#first, this.#begin + 1);
  }

  /**
   * Whether all changes from this revision on are kept. From 1 on is from the very first; another one from before the first
   * change is of another cluster, and what has happened since then is not known.
   */
  keepsFrom(revision: number): boolean {
    return revision >= (revision === 1 ? this.#first : this.firstKept);
  }

  /** There are no keys, and the first change gets the revision after this one. */
  beginAt(revision: number): void {
    this.#begin = revision;
  }

  /** Nothing up to this revision is kept. */
  beginAfter(revision: number): void {
    this.#first = revision + 1;
  }

  /** A key was stored, or only its deadline has changed. Without a value it is large, and may change in place. */
  set(
    key: ByteString,
    value: ByteString | undefined,
    version: number,
    deadlineMs: number,
    revision: number,
  ): void {
    const isInline = value !== undefined && value.length <= MAX_INLINE_VALUE_BYTES;
    const inlineLength = isInline ? value.length : 0;
    const chunk = this.#chunkFor(HEADER_BYTES + key.length + inlineLength, revision);
    const { memory, used } = chunk;
    const { view } = memory;
    view.setUint32(used, key.length, true);
    view.setUint32(used + VALUE_LENGTH_AT, inlineLength, true);
    view.setFloat64(used + CHANGE_VERSION_AT, version, true);
    view.setFloat64(used + CHANGE_DEADLINE_AT, deadlineMs, true);
    view.setUint32(used + KIND_AT, isInline ? SET : SET_ELSEWHERE, true);
    write(key, memory, used + HEADER_BYTES);
    if (isInline) write(value, memory, used + HEADER_BYTES + key.length);
    else this.#keepLarge(chunk, value, revision);
    chunk.used = used + HEADER_BYTES + key.length + inlineLength;
  }

  /** A key was removed, or all were, and then `key` is empty. */
  removed(kind: Exclude<ChangeKind, 'set'>, key: ByteString, revision: number): void {
    const chunk = this.#chunkFor(HEADER_BYTES + key.length, revision);
    const { memory, used } = chunk;
    memory.view.setUint32(used + KIND_AT, KINDS.indexOf(kind), true);
    memory.view.setUint32(used, key.length, true);
    memory.view.setUint32(used + VALUE_LENGTH_AT, 0, true);
    write(key, memory, used + HEADER_BYTES);
    chunk.used = used + HEADER_BYTES + key.length;
  }

  /** The changes after this revision were taken back. */
  cutAfter(revision: number): void {
    this.#end = undefined;
    for (let chunk = this.#chunks.at(-1); chunk !== undefined; chunk = this.#chunks.at(-1)) {
      const kept = Math.min(chunk.count, Math.max(0, revision + 1 - chunk.firstRevision));
      if (kept > 0) {
        this.#shorten(chunk, kept);
        break;
      }
      this.#chunks.pop();
      this.#bytes -= bytesOf(chunk);
      this.#count -= chunk.count;
    }
    this.#first = Math.min(this.#first, revision + 1);
  }

  /**
   * Goes through the changes from this revision up to `last`, all of which must be kept, until `visit` returns false. Returns the
   * revision to go on from.
   */
  visit(from: number, last: number, visit: (change: KeyChange) => boolean): number {
    let place = this.#end?.revision === from ? this.#chunks.indexOf(this.#end.chunk) : -1;
    let offset = this.#end?.offset ?? 0;
    let revision = from;
    if (place === -1) {
      place = this.#chunks.findLastIndex(({ firstRevision }) => firstRevision <= from);
      offset = 0;
      if (place === -1) place = 0;
      revision = this.#chunks[place]?.firstRevision ?? from;
    }
    let goesOn = true;
    for (let chunk = this.#chunks[place]; goesOn && chunk !== undefined; chunk = this.#chunks[place]) {
      while (goesOn && offset < chunk.used && revision <= last) {
        const byteCount = lengthAt(chunk, offset);
        if (revision >= from) goesOn = visit(changeAt(chunk, offset, revision));
        offset += byteCount;
        revision += 1;
      }
      this.#end = { chunk, offset, revision };
      if (offset < chunk.used) break;
      place += 1;
      offset = 0;
    }
    return Math.max(from, revision);
  }

  #chunkFor(byteCount: number, revision: number): Chunk {
    let chunk = this.#chunks.at(-1);
    if (
      chunk === undefined ||
      chunk.used + byteCount > chunk.memory.bytes.length ||
      chunk.largeBytes >= CHUNK_BYTES
    )
      chunk = this.#newChunk(byteCount, revision);
    chunk.count += 1;
    this.#count += 1;
    return chunk;
  }

  #newChunk(byteCount: number, revision: number): Chunk {
    this.#dropOldest();
    const memory =
      byteCount > CHUNK_BYTES || this.#spare === undefined
        ? memoryOf(Buffer.allocUnsafeSlow(Math.max(byteCount, CHUNK_BYTES)))
        : this.#spare;
    if (memory === this.#spare) this.#spare = undefined;
    const chunk = { memory, used: 0, firstRevision: revision, count: 0, large: new Map(), largeBytes: 0 };
    this.#chunks.push(chunk);
    this.#bytes += memory.bytes.length;
    return chunk;
  }

  #keepLarge(chunk: Chunk, value: ByteString | undefined, revision: number): void {
    if (value === undefined) return;
    chunk.large.set(revision, value);
    chunk.largeBytes += value.length;
    this.#bytes += value.length;
    this.#dropOldest();
  }

  /** Drops the oldest chunks while there is too much without them, too. */
  #dropOldest(): void {
    while (this.#chunks.length > 1) {
      const [oldest, second] = this.#chunks;
      if (oldest === undefined || second === undefined) return;
      const isTooMuch = this.#bytes > MAX_HISTORY_BYTES || this.#count - oldest.count >= MAX_HISTORY_CHANGES;
      if (!isTooMuch) return;
      this.#chunks.shift();
      this.#bytes -= bytesOf(oldest);
      this.#count -= oldest.count;
      this.#first = second.firstRevision;
      if (oldest.memory.bytes.length === CHUNK_BYTES) this.#spare = oldest.memory;
    }
  }

  #shorten(chunk: Chunk, count: number): void {
    let offset = 0;
    for (let place = 0; place < count; place += 1) offset += lengthAt(chunk, offset);
    for (let place = count; place < chunk.count; place += 1) {
      const value = chunk.large.get(chunk.firstRevision + place);
      if (value === undefined) continue;
      chunk.large.delete(chunk.firstRevision + place);
      chunk.largeBytes -= value.length;
      this.#bytes -= value.length;
    }
    this.#count -= chunk.count - count;
    chunk.count = count;
    chunk.used = offset;
  }
}

function bytesOf({ memory, largeBytes }: Chunk): number {
  return memory.bytes.length + largeBytes;
}

function lengthAt({ memory: { view } }: Chunk, offset: number): number {
  return HEADER_BYTES + view.getUint32(offset, true) + view.getUint32(offset + VALUE_LENGTH_AT, true);
}

function changeAt({ memory, large }: Chunk, offset: number, revision: number): KeyChange {
  const { view } = memory;
  const kind = KINDS[view.getUint32(offset + KIND_AT, true)] ?? 'set';
  const keyLength = view.getUint32(offset, true);
  const valueLength = view.getUint32(offset + VALUE_LENGTH_AT, true);
  const start = offset + HEADER_BYTES;
  const key = textOf({ memory, start, length: keyLength });
  if (kind !== 'set') return { kind, revision, key, version: 0, deadlineMs: 0, value: '' };
  const version = view.getFloat64(offset + CHANGE_VERSION_AT, true);
  const deadlineMs = view.getFloat64(offset + CHANGE_DEADLINE_AT, true);
  const inline: ByteSpan = { memory, start: start + keyLength, length: valueLength };
  const value = view.getUint32(offset + KIND_AT, true) === SET_ELSEWHERE ? large.get(revision) : inline;
  return { kind, revision, key, version, deadlineMs, value };
}
