/**
 * The last changes of keys, in the order of their revisions, for those who watch: in memory, bounded in number and in bytes,
 * and not replicated. The newest change is always kept.
 *
 * The changes lie in chunks, the oldest of which goes as a whole: their keys and values one after the other, and their numbers
 * in arrays beside. Of a large value it is the string that is kept, which the store holds, too.
 *
 * This is on the way of each write. To copy a piece of an entry at once, with the keys and values of some twenty changes in it,
 * takes a fraction of the time of copying them one by one.
 */

import { type ByteSpan, type Memory, memoryOf, textOf } from '../bytes/byte-reader.js';
import { type ByteString, write } from '../bytes/byte-string.js';
import { DEFAULT_HISTORY_CHANGES, MAX_HISTORY_BYTES } from '../watch-limits.js';
import { type ChangeEvent, changeEvent } from './change-events.js';
import { MAX_INLINE_VALUE_BYTES } from './record-layout.js';

const CHUNK_BYTES = 64 * 1024;
const PIECE_BYTES = 2 * 1024;

/** Where a change's key begins in its chunk, and how long it is; the same of the value; the kind, and its event above that. */
const PLACE_NUMBERS = 5;
/** Its version, and its deadline in ms since the epoch, 0 for never. */
const META_NUMBERS = 2;
const CHUNK_CHANGES = 768;
const CHUNK_NUMBERS_BYTES =
  CHUNK_CHANGES *
  (PLACE_NUMBERS * Uint32Array.BYTES_PER_ELEMENT + META_NUMBERS * Float64Array.BYTES_PER_ELEMENT);

const KINDS = ['set', 'deleted', 'expired', 'flushed'] as const;
export type ChangeKind = (typeof KINDS)[number];

const SET = KINDS.indexOf('set');
/** In place of {@link SET} where the value lies elsewhere, if it is kept. */
const SET_ELSEWHERE = KINDS.length;
/** Where the kind is among those numbers, and how many bits it takes. */
const KIND_PLACE = 4;
const KIND_BITS = 4;

/** A change, as a watcher is told of it. */
export interface KeyChange {
  readonly kind: ChangeKind;
  readonly revision: number;
  readonly event: ChangeEvent;
  /** One character per byte; empty for `flushed`, which is all keys. */
  readonly key: string;
  /** Of `set`, as the next two. */
  readonly version: number;
  /** In ms since the epoch; 0 for never. */
  readonly deadlineMs: number;
  /** Undefined for a value over {@link MAX_INLINE_VALUE_BYTES} of which a part was written, and which is not kept. */
  readonly value: ByteString | undefined;
}

interface Chunk extends ChunkMemory {
  /** Bytes of keys and values. */
  used: number;
  readonly firstRevision: number;
  count: number;
  /** Values that lie elsewhere, by the revision, and their bytes. */
  readonly large: Map<number, ByteString>;
  largeBytes: number;
}

/** Of a chunk, and later of another one. */
interface ChunkMemory {
  readonly memory: Memory;
  readonly byteCount: number;
  readonly places: Uint32Array;
  readonly meta: Float64Array;
}

export class History {
  /** Changes that are kept, if their bytes are not too many. */
  readonly maxChanges: number;
  #chunks: Chunk[] = [];
  /** The last of them. */
  #newest: Chunk | undefined;
  #bytes = 0;
  #count = 0;
  /** The first revision from which on all changes are kept; 0 if there was none before those. */
  #first = 0;
  /** No change has this revision or a lower one, as far as is known: see {@link beginAt}. */
  #begin = 0;
  #spare: ChunkMemory | undefined;
  /** The payload of the entry of which a piece was copied into the newest chunk, if one was. */
  #payload: Memory | undefined;
  #pieceStart = 0;
  #pieceEnd = 0;
  /** From a place in the piece to the same one in the chunk. */
  #shift = 0;
  /** Bytes of values that {@link takePart} may still say yes to. */
  #partBytes = 0;

  constructor(maxChanges = DEFAULT_HISTORY_CHANGES) {
    this.maxChanges = maxChanges;
  }

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

  /**
   * A key was stored, or only its deadline has changed. Without a value it is large, and may change in place. If key and value
   * lie in the same memory, that is the payload of an entry, which nobody changes before {@link endEntry}.
   */
  set(
    key: ByteString,
    value: ByteString | undefined,
    version: number,
    deadlineMs: number,
    revision: number,
  ): void {
    if (value === undefined || value.length > MAX_INLINE_VALUE_BYTES) {
      const chunk = this.#add(SET_ELSEWHERE, key, '', revision);
      setMeta(chunk, version, deadlineMs);
      this.#keepLarge(chunk, value, revision);
    } else if (typeof key === 'object' && typeof value === 'object' && key.memory === value.memory) {
      const chunk = this.#chunkWith(key, value, revision);
      const shift = this.#shift;
      this.#count += 1;
      addPlaces(chunk, SET, key.start + shift, key.length, value.start + shift, value.length);
      setMeta(chunk, version, deadlineMs);
    } else setMeta(this.#add(SET, key, value, revision), version, deadlineMs);
  }

  /**
   * Somebody watches: values of which a part is written are to be kept, too, up to that many bytes more, and no more at a time
   * than of all changes. Each costs a copy with its next part, so no more of them are kept than can be told.
   */
  keepParts(bytes = MAX_HISTORY_BYTES): void {
    this.#partBytes = Math.min(this.#partBytes + bytes, MAX_HISTORY_BYTES);
  }

  keepNoParts(): void {
    this.#partBytes = 0;
  }

  /** Whether a value of that many bytes, of which a part was written, is to be kept. */
  takePart(bytes: number): boolean {
    if (bytes > this.#partBytes) return false;
    this.#partBytes -= bytes;
    return true;
  }

  /** A key was removed, or all were, and then `key` is empty. */
  removed(kind: Exclude<ChangeKind, 'set'>, key: ByteString, revision: number): void {
    this.#add(KINDS.indexOf(kind), key, '', revision);
  }

  /** What has made the last change, which has this revision; nothing if it is not kept. By itself, a change is plain. */
  noteEvent(event: ChangeEvent, revision: number): void {
    const chunk = this.#newest;
    if (chunk === undefined || chunk.firstRevision + chunk.count - 1 !== revision) return;
    const at = (chunk.count - 1) * PLACE_NUMBERS + KIND_PLACE;
    chunk.places[at] = (chunk.places[at] ?? 0) | (event << KIND_BITS);
  }

  /** The payload of the last entry is not used any more. */
  endEntry(): void {
    this.#payload = undefined;
  }

  /** The changes after this revision were taken back. */
  cutAfter(revision: number): void {
    this.#payload = undefined;
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
    this.#newest = this.#chunks.at(-1);
    this.#first = Math.min(this.#first, revision + 1);
  }

  /**
   * Goes through the changes from this revision up to `last`, all of which must be kept, until `visit` returns false. Returns the
   * revision to go on from.
   */
  visit(from: number, last: number, visit: (change: KeyChange) => boolean): number {
    let place = Math.max(
      0,
      this.#chunks.findLastIndex(({ firstRevision }) => firstRevision <= from),
    );
    let revision = Math.max(from, this.#chunks[place]?.firstRevision ?? from);
    for (
      let chunk = this.#chunks[place];
      chunk !== undefined && revision <= last;
      chunk = this.#chunks[place]
    ) {
      const end = Math.min(last + 1, chunk.firstRevision + chunk.count);
      while (revision < end) {
        const goesOn = visit(changeAt(chunk, revision));
        revision += 1;
        if (!goesOn) return revision;
      }
      place += 1;
    }
    // There was none: a cluster's first revision is far from 1.
    return Math.max(revision, last + 1);
  }

  /** Adds a change whose key and value are copied by themselves. */
  #add(kind: number, key: ByteString, value: ByteString, revision: number): Chunk {
    const chunk = this.#chunkFor(key.length + value.length, revision);
    const { memory, used } = chunk;
    const valueAt = used + key.length;
    write(key, memory, used);
    write(value, memory, valueAt);
    chunk.used = valueAt + value.length;
    this.#count += 1;
    addPlaces(chunk, kind, used, key.length, valueAt, value.length);
    return chunk;
  }

  /** A chunk with key and value in it, and room for their change. */
  #chunkWith(key: ByteSpan, value: ByteSpan, revision: number): Chunk {
    const start = Math.min(key.start, value.start);
    const end = Math.max(key.start + key.length, value.start + value.length);
    if (key.memory === this.#payload && start >= this.#pieceStart && end <= this.#pieceEnd) {
      const chunk = this.#newest;
      if (chunk !== undefined && chunk.count < CHUNK_CHANGES) return chunk;
    }
    const { memory } = key;
    const byteCount = Math.min(Math.max(end - start, PIECE_BYTES), memory.bytes.length - start);
    const chunk = this.#chunkFor(byteCount, revision);
    memory.bytes.copy(chunk.memory.bytes, chunk.used, start, start + byteCount);
    this.#payload = memory;
    this.#pieceStart = start;
    this.#pieceEnd = start + byteCount;
    this.#shift = chunk.used - start;
    chunk.used += byteCount;
    return chunk;
  }

  /** A chunk with room for a change, and for that many bytes. */
  #chunkFor(byteCount: number, revision: number): Chunk {
    const chunk = this.#newest;
    const isGood =
      chunk !== undefined &&
      chunk.count < CHUNK_CHANGES &&
      chunk.used + byteCount <= chunk.byteCount &&
      chunk.largeBytes < CHUNK_BYTES;
    return isGood ? chunk : this.#newChunk(byteCount, revision);
  }

  #newChunk(atLeast: number, revision: number): Chunk {
    this.#dropOldest();
    this.#payload = undefined;
    const byteCount = Math.max(atLeast, CHUNK_BYTES);
    const spare = byteCount === CHUNK_BYTES ? this.#spare : undefined;
    if (spare !== undefined) this.#spare = undefined;
    const { memory, places, meta } = spare ?? newMemory(byteCount);
    const chunk: Chunk = {
      memory,
      byteCount,
      places,
      meta,
      used: 0,
      firstRevision: revision,
      count: 0,
      large: new Map(),
      largeBytes: 0,
    };
    this.#chunks.push(chunk);
    this.#newest = chunk;
    this.#bytes += byteCount + CHUNK_NUMBERS_BYTES;
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
      const isTooMuch = this.#bytes > MAX_HISTORY_BYTES || this.#count - oldest.count >= this.maxChanges;
      if (!isTooMuch) return;
      this.#chunks.shift();
      this.#bytes -= bytesOf(oldest);
      this.#count -= oldest.count;
      this.#first = second.firstRevision;
      if (oldest.byteCount === CHUNK_BYTES) this.#spare = oldest;
    }
  }

  #shorten(chunk: Chunk, count: number): void {
    for (let place = count; place < chunk.count; place += 1) {
      const value = chunk.large.get(chunk.firstRevision + place);
      if (value === undefined) continue;
      chunk.large.delete(chunk.firstRevision + place);
      chunk.largeBytes -= value.length;
      this.#bytes -= value.length;
    }
    this.#count -= chunk.count - count;
    chunk.count = count;
  }
}

function newMemory(byteCount: number): ChunkMemory {
  return {
    memory: memoryOf(Buffer.allocUnsafeSlow(byteCount)),
    byteCount,
    places: new Uint32Array(CHUNK_CHANGES * PLACE_NUMBERS),
    meta: new Float64Array(CHUNK_CHANGES * META_NUMBERS),
  };
}

function bytesOf({ byteCount, largeBytes }: Chunk): number {
  return byteCount + CHUNK_NUMBERS_BYTES + largeBytes;
}

function addPlaces(
  chunk: Chunk,
  kind: number,
  keyAt: number,
  keyLength: number,
  valueAt: number,
  valueLength: number,
): void {
  const { places } = chunk;
  const at = chunk.count * PLACE_NUMBERS;
  chunk.count += 1;
  places[at] = keyAt;
  places[at + 1] = keyLength;
  places[at + 2] = valueAt;
  places[at + 3] = valueLength;
  places[at + KIND_PLACE] = kind;
}

/** Completes the chunk's last change. */
function setMeta({ meta, count }: Chunk, version: number, deadlineMs: number): void {
  const at = (count - 1) * META_NUMBERS;
  meta[at] = version;
  meta[at + 1] = deadlineMs;
}

function changeAt({ memory, places, meta, firstRevision, large }: Chunk, revision: number): KeyChange {
  const number = revision - firstRevision;
  const at = number * PLACE_NUMBERS;
  const [keyAt = 0, keyLength = 0, valueAt = 0, valueLength = 0, numbers = 0] = places.subarray(
    at,
    at + PLACE_NUMBERS,
  );
  const key = textOf({ memory, start: keyAt, length: keyLength });
  const kindNumber = numbers & ((1 << KIND_BITS) - 1);
  const event = changeEvent(numbers >>> KIND_BITS);
  const kind = KINDS[kindNumber] ?? 'set';
  if (kind !== 'set') return { kind, revision, event, key, version: 0, deadlineMs: 0, value: '' };
  const version = meta[number * META_NUMBERS] ?? 0;
  const deadlineMs = meta[number * META_NUMBERS + 1] ?? 0;
  const inline: ByteSpan = { memory, start: valueAt, length: valueLength };
  const value = kindNumber === SET_ELSEWHERE ? large.get(revision) : inline;
  return { kind, revision, event, key, version, deadlineMs, value };
}
