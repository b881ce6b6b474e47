/**
 * The keys and what they hold: a hash table whose records lie in slabs.
 *
 * A Map of objects would do for few keys. With a million, the garbage collector takes a tenth of a second and more to look
 * through it, in which a server answers nobody, and inserting them at the start takes seconds. Here only the pages are on
 * the heap.
 *
 * Each record has an id, which stays with its key until the key is removed, so that the keys can be gone through while
 * they change. The index is in shards that grow one by one, so that no growth takes long.
 *
 * A record lies in memory as it stands in an image of the store. Its layout, in the order of the bytes: the key's length
 * (u32), the value's length (u32), version (f64), deadline (f64, ms since the epoch, 0 for never), all little-endian, the
 * key's bytes, the value's bytes. Only a large value is a string on the heap: to get it costs no copy, and the collector
 * does not look into it.
 */

import { type ByteSpan, type Memory, textOf } from '../bytes/byte-reader.js';
import { type ByteString, copy, equals, type HashSecret, hashOf, write } from '../bytes/byte-string.js';
import type { ByteWriter } from '../bytes/byte-writer.js';
import { type Address, missing, Slabs, startOf } from './slabs.js';

/** A number from 0 on. Those of removed keys are given out again. */
export type RecordId = number;

/** Stands for the id of a key that is not there. */
export const NO_RECORD = -1;

/** Length of what comes before a record's key. */
export const RECORD_HEADER_BYTES = 24;
const VALUE_LENGTH_AT = 4;
const VERSION_AT = 8;
const DEADLINE_AT = 16;

/** A larger value is a string of its own. */
export const MAX_INLINE_VALUE_BYTES = 4096;

/** A record often lies on two cache lines. */
const CACHE_LINE_BYTES = 64;

const SHARDS = 64;
const SHARD_SHIFT = 26;
const LEAST_SHARD_SLOTS = 8;
const LEAST_IDS = 1024;

/** What a key holds. The value is copied. */
export interface RecordContent {
  readonly value: ByteString;
  readonly version: number;
  /** In ms since the epoch; 0 for never. */
  readonly deadlineMs: number;
}

/** Part of the index. */
interface Shard {
  /** Pairs of a key's hash and its id plus 1, at the place that the hash tells or after it (linear probing); 0 for no id. */
  slots: Uint32Array;
  count: number;
}

/** A record that lies elsewhere, in the layout of the table. */
export interface EncodedRecord {
  readonly memory: Memory;
  /** The byte at which it begins. */
  readonly start: number;
  readonly keyLength: number;
  readonly valueLength: number;
}

/** A copy of a record. */
export interface KeptRecord {
  readonly address: Address;
  readonly large: string | undefined;
}

export class RecordTable {
  readonly #slabs = new Slabs();
  readonly #shards = Array.from({ length: SHARDS }, (): Shard => ({ slots: newSlots(), count: 0 }));
  readonly #secret: HashSecret;
  /** By id; 0 for an id that is not in use. */
  #addresses = new Uint32Array(LEAST_IDS);
  readonly #large = new Map<RecordId, string>();
  #idLimit = 0;
  readonly #freeIds: RecordId[] = [];
  /** For each key, how far {@link prefetch} has followed it: its entry in the index, then its address. */
  #fetching = new Uint32Array(0);

  /** @param secret makes the places of keys hard to foresee */
  constructor(secret: HashSecret) {
    this.#secret = secret;
  }

  /** How many keys there are. */
  get size(): number {
    return this.#idLimit - this.#freeIds.length;
  }

  /** All ids are below it. */
  get idLimit(): RecordId {
    return this.#idLimit;
  }

  has(id: RecordId): boolean {
    return id < this.#idLimit && this.#addresses[id] !== 0;
  }

  /** The hash of a key. Given it, {@link find}, {@link add} and {@link remove} need not compute it. */
  hash(key: ByteString): number {
    return hashOf(key, this.#secret);
  }

  /** The key's id, or {@link NO_RECORD}. */
  find(key: ByteString, hash = this.hash(key)): RecordId {
    const { slots } = this.#shard(hash);
    const mask = slots.length - 1;
    for (let place = placeOf(hash, mask); ; place = (place + 2) & mask) {
      const entry = slots[place + 1] ?? 0;
      if (entry === 0) return NO_RECORD;
      if (slots[place] === hash && this.#isOf(entry - 1, key)) return entry - 1;
    }
  }

  /**
   * Reads what {@link find} and then {@link replace} will read for the keys with these hashes. Here the processor fetches
   * from memory for many keys at once, there for one after the other.
   *
   * @param hashes of keys, the first `count` of them
   * @returns a sum of what was read, without which the compiler would leave out the reads
   */
  prefetch(hashes: Uint32Array, count: number): number {
    if (this.#fetching.length < count) this.#fetching = new Uint32Array(hashes.length);
    const fetching = this.#fetching;
    for (let i = 0; i < count; i += 1) {
      const hash = hashes[i] ?? 0;
      const { slots } = this.#shard(hash);
      fetching[i] = slots[placeOf(hash, slots.length - 1) + 1] ?? 0;
    }
    for (let i = 0; i < count; i += 1) {
      const entry = fetching[i] ?? 0;
      if (entry !== 0) fetching[i] = this.#addresses[entry - 1] ?? 0;
    }
    let sum = 0;
    for (let i = 0; i < count; i += 1) {
      const address = fetching[i] ?? 0;
      if (address === 0) continue;
      const { view, slotBytes } = this.#slabs.page(address);
      const start = startOf(address);
      sum += view.getUint8(start) + view.getUint8(start + Math.min(CACHE_LINE_BYTES, slotBytes - 1));
    }
    return sum;
  }

  /** Adds a key that is not there, and returns its id. */
  add(key: ByteString, content: RecordContent, hash = this.hash(key)): RecordId {
    const address = this.#slabs.allocate(inlineBytes(key.length, content.value.length));
    const page = this.#slabs.page(address);
    const start = startOf(address);
    page.view.setUint32(start, key.length, true);
    write(key, page, start + RECORD_HEADER_BYTES);
    const id = this.#insert(hash, address);
    this.#write(id, address, content);
    return id;
  }

  /** Adds the record, and returns its id. Its key must not be there. */
  addEncoded({ memory, start, keyLength, valueLength }: EncodedRecord): RecordId {
    const byteCount = inlineBytes(keyLength, valueLength);
    const address = this.#slabs.allocate(byteCount);
    copy(memory, start, this.#slabs.page(address), startOf(address), byteCount);
    const id = this.#insert(this.hash(keySpan(memory, start, keyLength)), address);
    if (isLarge(valueLength)) {
      const value = { memory, start: start + RECORD_HEADER_BYTES + keyLength, length: valueLength };
      this.#large.set(id, textOf(value));
    }
    return id;
  }

  /** Replaces what a key holds. */
  replace(id: RecordId, content: RecordContent): void {
    const address = this.#address(id);
    const keyLength = this.#keyLength(address);
    if (isLarge(this.#valueLength(address))) this.#large.delete(id);
    const byteCount = inlineBytes(keyLength, content.value.length);
    if (this.#slabs.fits(address, byteCount)) {
      this.#write(id, address, content);
      return;
    }
    const moved = this.#slabs.allocate(byteCount);
    this.#copyRecord(address, moved, RECORD_HEADER_BYTES + keyLength);
    this.#write(id, moved, content);
    this.#slabs.free(address);
    this.#addresses[id] = moved;
  }

  /** Removes a key with what it holds. */
  remove(id: RecordId, hash = this.hash(this.#keySpan(this.#address(id)))): void {
    const address = this.#address(id);
    this.#unindex(hash, id);
    if (isLarge(this.#valueLength(address))) this.#large.delete(id);
    this.#slabs.free(address);
    this.#addresses[id] = 0;
    this.#freeIds.push(id);
  }

  key(id: RecordId): string {
    return textOf(this.#keySpan(this.#address(id)));
  }

  value(id: RecordId): string {
    const text = this.text(id);
    return typeof text === 'string' ? text : textOf(text);
  }

  /** The value where it lies. */
  text(id: RecordId): ByteString {
    const address = this.#address(id);
    const length = this.#valueLength(address);
    if (isLarge(length)) return this.#large.get(id) ?? '';
    const start = startOf(address) + RECORD_HEADER_BYTES + this.#keyLength(address);
    return { memory: this.#slabs.page(address), start, length };
  }

  version(id: RecordId): number {
    const address = this.#address(id);
    return this.#slabs.page(address).view.getFloat64(startOf(address) + VERSION_AT, true);
  }

  deadlineMs(id: RecordId): number {
    const address = this.#address(id);
    return this.#slabs.page(address).view.getFloat64(startOf(address) + DEADLINE_AT, true);
  }

  /** Appends the key's record. */
  writeTo(out: ByteWriter, id: RecordId): void {
    this.writeKept(out, { address: this.#address(id), large: this.#large.get(id) });
  }

  /** Keeps a copy of the key's record until {@link drop}, also if the key is changed or removed. */
  keep(id: RecordId): KeptRecord {
    const from = this.#address(id);
    const byteCount = this.#inlineBytes(from);
    const address = this.#slabs.allocate(byteCount);
    this.#copyRecord(from, address, byteCount);
    return { address, large: this.#large.get(id) };
  }

  /** Appends a record that was kept. */
  writeKept(out: ByteWriter, { address, large }: KeptRecord): void {
    const start = startOf(address);
    out.bytes(this.#slabs.page(address).bytes.subarray(start, start + this.#inlineBytes(address)));
    if (large !== undefined) out.latin1(large);
  }

  /** A record that was kept is not needed any more. */
  drop({ address }: KeptRecord): void {
    this.#slabs.free(address);
  }

  /** Goes through the ids in use. Ids may come and go meanwhile: those that are in use all the time are met. */
  *ids(): Generator<RecordId, void, undefined> {
    for (let id = 0; id < this.#idLimit; id += 1) if (this.has(id)) yield id;
  }

  #write(id: RecordId, address: Address, { value, version, deadlineMs }: RecordContent): void {
    const page = this.#slabs.page(address);
    const { view } = page;
    const start = startOf(address);
    view.setUint32(start + VALUE_LENGTH_AT, value.length, true);
    view.setFloat64(start + VERSION_AT, version, true);
    view.setFloat64(start + DEADLINE_AT, deadlineMs, true);
    if (isLarge(value.length)) this.#large.set(id, typeof value === 'string' ? value : textOf(value));
    else write(value, page, start + RECORD_HEADER_BYTES + view.getUint32(start, true));
  }

  #copyRecord(from: Address, to: Address, byteCount: number): void {
    copy(this.#slabs.page(from), startOf(from), this.#slabs.page(to), startOf(to), byteCount);
  }

  #insert(hash: number, address: Address): RecordId {
    const id = this.#newId();
    this.#addresses[id] = address;
    const shard = this.#shard(hash);
    if (shard.count * 4 >= shard.slots.length) grow(shard);
    insert(shard.slots, hash, id + 1);
    shard.count += 1;
    return id;
  }

  #newId(): RecordId {
    const freed = this.#freeIds.pop();
    if (freed !== undefined) return freed;
    if (this.#idLimit === this.#addresses.length) {
      const grown = new Uint32Array(2 * this.#idLimit);
      grown.set(this.#addresses);
      this.#addresses = grown;
    }
    this.#idLimit += 1;
    return this.#idLimit - 1;
  }

  #address(id: RecordId): Address {
    const address = this.#addresses[id] ?? 0;
    if (address === 0) throw missing('record', id);
    return address;
  }

  /** What the slot holds of the record. */
  #inlineBytes(address: Address): number {
    return inlineBytes(this.#keyLength(address), this.#valueLength(address));
  }

  #keyLength(address: Address): number {
    return this.#slabs.page(address).view.getUint32(startOf(address), true);
  }

  #valueLength(address: Address): number {
    return this.#slabs.page(address).view.getUint32(startOf(address) + VALUE_LENGTH_AT, true);
  }

  #keySpan(address: Address): ByteSpan {
    return keySpan(this.#slabs.page(address), startOf(address), this.#keyLength(address));
  }

  #isOf(id: RecordId, key: ByteString): boolean {
    const address = this.#address(id);
    const page = this.#slabs.page(address);
    const start = startOf(address);
    return page.view.getUint32(start, true) === key.length && equals(key, page, start + RECORD_HEADER_BYTES);
  }

  #shard(hash: number): Shard {
    const shard = this.#shards[hash >>> SHARD_SHIFT];
    if (shard === undefined) throw missing('shard for', hash);
    return shard;
  }

  /** Takes the id out of the index, and moves up those after it that were not at their own place because of it. */
  #unindex(hash: number, id: RecordId): void {
    const shard = this.#shard(hash);
    const { slots } = shard;
    const mask = slots.length - 1;
    let hole = placeOf(hash, mask);
    while (slots[hole + 1] !== id + 1) hole = (hole + 2) & mask;
    for (let place = (hole + 2) & mask; ; place = (place + 2) & mask) {
      const entry = slots[place + 1] ?? 0;
      if (entry === 0) break;
      const otherHash = slots[place] ?? 0;
      if (((place - placeOf(otherHash, mask)) & mask) < ((place - hole) & mask)) continue;
      slots[hole] = otherHash;
      slots[hole + 1] = entry;
      hole = place;
    }
    slots[hole + 1] = 0;
    shard.count -= 1;
  }
}

function isLarge(valueLength: number): boolean {
  return valueLength > MAX_INLINE_VALUE_BYTES;
}

function inlineBytes(keyLength: number, valueLength: number): number {
  return RECORD_HEADER_BYTES + keyLength + (isLarge(valueLength) ? 0 : valueLength);
}

function newSlots(length = LEAST_SHARD_SLOTS): Uint32Array {
  return new Uint32Array(length);
}

/** The place of a hash in slots whose length is `mask` plus 1. */
function placeOf(hash: number, mask: number): number {
  return (hash << 1) & mask;
}

function insert(slots: Uint32Array, hash: number, entry: number): void {
  const mask = slots.length - 1;
  let place = placeOf(hash, mask);
  while (slots[place + 1] !== 0) place = (place + 2) & mask;
  slots[place] = hash;
  slots[place + 1] = entry;
}

function grow(shard: Shard): void {
  const { slots } = shard;
  const grown = newSlots(slots.length * 2);
  for (let place = 0; place < slots.length; place += 2) {
    const entry = slots[place + 1] ?? 0;
    if (entry !== 0) insert(grown, slots[place] ?? 0, entry);
  }
  shard.slots = grown;
}

function keySpan(memory: Memory, recordStart: number, length: number): ByteSpan {
  return { memory, start: recordStart + RECORD_HEADER_BYTES, length };
}
