/**
 * The keys and what they hold: a hash table whose records lie in slabs.
 *
 * A Map of objects would do for few keys. With a million, the garbage collector takes a tenth of a second and more to look
 * through it, in which a server answers nobody, and inserting them at the start takes seconds. Here only the pages are on
 * the heap.
 *
 * Each record has an id, which stays with its key until the key is removed, so that the keys can be gone through while
 * they change. The index is in shards by the highest bits of the hash. They grow one by one, so that no growth takes long,
 * and keys can be found in the order of their hashes by looking through one after the other. Within a shard the lowest bits
 * tell the place: keys that come in the order of their hashes would otherwise all meet at its beginning.
 */

import { type ByteSpan, textOf } from '../bytes/byte-reader.js';
import {
  type ByteString,
  copy,
  equals,
  type HashSecret,
  hashOf,
  isBefore,
  stringOf,
  write,
} from '../bytes/byte-string.js';
import type { ByteWriter } from '../bytes/byte-writer.js';
import type { KeyOrder } from './deadline-heap.js';
import {
  HASHES,
  type HashRange,
  idsBetween,
  insertEntry,
  newShard,
  placeOf,
  removeEntry,
  type Shard,
} from './index-shard.js';
import { LargeValues } from './large-values.js';
import type { EncodedRecord, KeptRecord, OverwrittenPart, PartMeta, RecordContent } from './record.js';
import { NO_RECORD, type RecordId } from './record-id.js';
import {
  contentAt,
  DEADLINE_AT,
  inlineBytes,
  isLarge,
  keySpan,
  RECORD_HEADER_BYTES,
  REVISION_AT,
  VALUE_LENGTH_AT,
  VERSION_AT,
} from './record-layout.js';
import { type Address, missing, Slabs, startOf } from './slabs.js';

/** A record often lies on two cache lines. */
const CACHE_LINE_BYTES = 64;

const SHARDS = 256;
const SHARD_SHIFT = 24;
const SHARD_HASHES = 2 ** SHARD_SHIFT;
const LEAST_IDS = 1024;

export class RecordTable implements KeyOrder {
  readonly #slabs = new Slabs();
  readonly #shards = Array.from({ length: SHARDS }, newShard);
  readonly #secret: HashSecret;
  /** The address of each id's record; 0 for an unused id. */
  #addresses = new Uint32Array(LEAST_IDS);
  readonly #large = new LargeValues();
  #idLimit = 0;
  readonly #freeIds: RecordId[] = [];
  #movedEntries = 0;
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

  /** One more than the largest id ever used. */
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

  /** The hash of the key of this record. */
  hashOf(id: RecordId): number {
    return this.hash(this.#keySpan(this.#address(id)));
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
    write(key, page.memory, start + RECORD_HEADER_BYTES);
    const id = this.#insert(hash, address);
    this.#write(id, address, content);
    return id;
  }

  /** Adds the record, and returns its id. Its key must not be there. */
  addEncoded({ memory, start, keyLength, valueLength }: EncodedRecord): RecordId {
    const byteCount = inlineBytes(keyLength, valueLength);
    const address = this.#slabs.allocate(byteCount);
    copy(memory, start, this.#slabs.page(address).memory, startOf(address), byteCount);
    const id = this.#insert(this.hash(keySpan(memory, start, keyLength)), address);
    if (isLarge(valueLength)) {
      const value = { memory, start: start + RECORD_HEADER_BYTES + keyLength, length: valueLength };
      this.#large.set(id, value);
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
  remove(id: RecordId, hash = this.hashOf(id)): void {
    const address = this.#address(id);
    removeEntry(this.#shard(hash), hash, id + 1);
    if (isLarge(this.#valueLength(address))) this.#large.delete(id);
    this.#slabs.free(address);
    this.#addresses[id] = 0;
    this.#freeIds.push(id);
  }

  key(id: RecordId): string {
    return textOf(this.#keySpan(this.#address(id)));
  }

  value(id: RecordId): string {
    return stringOf(this.text(id));
  }

  /** The value, not copied: good until it changes. */
  text(id: RecordId): ByteString {
    const address = this.#address(id);
    const length = this.#valueLength(address);
    if (isLarge(length)) return this.#large.text(id);
    const start = startOf(address) + RECORD_HEADER_BYTES + this.#keyLength(address);
    return { memory: this.#slabs.page(address).memory, start, length };
  }

  version(id: RecordId): number {
    return this.#field(id, VERSION_AT);
  }

  deadlineMs(id: RecordId): number {
    return this.#field(id, DEADLINE_AT);
  }

  /** The revision of the key's last change; 0 if that was before revisions were counted. */
  revision(id: RecordId): number {
    return this.#field(id, REVISION_AT);
  }

  /** Gives the key another deadline, in ms since the epoch, 0 for none; and the revision of that change. */
  setDeadline(id: RecordId, deadlineMs: number, revision: number): void {
    const address = this.#address(id);
    const { view } = this.#slabs.page(address);
    view.setFloat64(startOf(address) + DEADLINE_AT, deadlineMs, true);
    view.setFloat64(startOf(address) + REVISION_AT, revision, true);
  }

  valueLength(id: RecordId): number {
    return this.#valueLength(this.#address(id));
  }

  /** Whether {@link writePart} can write into the value. */
  isLarge(id: RecordId): boolean {
    return isLarge(this.#valueLength(this.#address(id)));
  }

  /** Writes a part of a large value, with the key's next version and revision. Returns how many bytes were moved besides. */
  writePart(id: RecordId, offset: number, part: string, { version, revision }: PartMeta): number {
    const address = this.#address(id);
    const { view } = this.#slabs.page(address);
    const start = startOf(address);
    const length = Math.max(view.getUint32(start + VALUE_LENGTH_AT, true), offset + part.length);
    view.setUint32(start + VALUE_LENGTH_AT, length, true);
    view.setFloat64(start + VERSION_AT, version, true);
    view.setFloat64(start + REVISION_AT, revision, true);
    return this.#large.write(id, offset, part);
  }

  /** Takes back {@link writePart}, which has written over this part of a value of this length. */
  restorePart(id: RecordId, { offset, part, length, ...meta }: OverwrittenPart): void {
    this.writePart(id, offset, part, meta);
    const address = this.#address(id);
    this.#slabs.page(address).view.setUint32(startOf(address) + VALUE_LENGTH_AT, length, true);
    this.#large.truncate(id, length);
  }

  keptContent({ address, large }: KeptRecord): RecordContent {
    return contentAt(this.#slabs.page(address).memory, startOf(address), large);
  }

  /** Whether the one key comes before the other in the order of their bytes. */
  isKeyBefore(id: RecordId, other: RecordId): boolean {
    return isBefore(this.#keySpan(this.#address(id)), this.#keySpan(this.#address(other)));
  }

  /** Entries of the index that were moved to make room, since the last time that this was asked. */
  takeMovedEntries(): number {
    const moved = this.#movedEntries;
    this.#movedEntries = 0;
    return moved;
  }

  /** Appends the key's record. */
  writeTo(out: ByteWriter, id: RecordId): void {
    const address = this.#address(id);
    const large = isLarge(this.#valueLength(address)) ? this.#large.text(id) : undefined;
    this.writeKept(out, { address, large });
  }

  /** Keeps a copy of the key's record until {@link drop}, also if the key is changed or removed. */
  keep(id: RecordId): KeptRecord {
    const from = this.#address(id);
    const byteCount = this.#inlineBytes(from);
    const address = this.#slabs.allocate(byteCount);
    this.#copyRecord(from, address, byteCount);
    return { address, large: this.#large.keep(id) };
  }

  /** Appends a record that was kept. */
  writeKept(out: ByteWriter, { address, large }: KeptRecord): void {
    const start = startOf(address);
    out.bytes(this.#slabs.page(address).memory.bytes.subarray(start, start + this.#inlineBytes(address)));
    if (large !== undefined) out.text(large);
  }

  /** A record that was kept is not needed any more. */
  drop({ address }: KeptRecord): void {
    this.#slabs.free(address);
  }

  /**
   * Keys by their hashes, from this one on and up to `span` further: as far as they are in the first shard with keys. Those
   * with equal hashes come in the order of their bytes.
   */
  inHashOrder(from: number, span: number): HashRange {
    const first = from >>> SHARD_SHIFT;
    const place = this.#shards.findIndex(({ count }, at) => at >= first && count > 0);
    const shard = this.#shards[place];
    if (shard === undefined) return { keys: [], end: HASHES, lookedAt: SHARDS };
    const start = Math.max(from, place * SHARD_HASHES);
    const end = Math.min(start + span, (place + 1) * SHARD_HASHES);
    const keys = idsBetween(shard, start, end).sort(
      (a, b) => a.hash - b.hash || (this.isKeyBefore(a.id, b.id) ? -1 : 1),
    );
    return { keys, end, lookedAt: SHARDS + shard.slots.length / 2 };
  }

  #write(id: RecordId, address: Address, { value, version, deadlineMs, revision }: RecordContent): void {
    const { memory, view } = this.#slabs.page(address);
    const start = startOf(address);
    view.setUint32(start + VALUE_LENGTH_AT, value.length, true);
    view.setFloat64(start + VERSION_AT, version, true);
    view.setFloat64(start + DEADLINE_AT, deadlineMs, true);
    view.setFloat64(start + REVISION_AT, revision, true);
    if (isLarge(value.length)) this.#large.set(id, value);
    else write(value, memory, start + RECORD_HEADER_BYTES + view.getUint32(start, true));
  }

  #copyRecord(from: Address, to: Address, byteCount: number): void {
    copy(this.#slabs.page(from).memory, startOf(from), this.#slabs.page(to).memory, startOf(to), byteCount);
  }

  #insert(hash: number, address: Address): RecordId {
    const id = this.#newId();
    this.#addresses[id] = address;
    const shard = this.#shard(hash);
    this.#movedEntries += insertEntry(shard, hash, id + 1);
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

  /** Bytes of the record in its slot: all but a large value. */
  #inlineBytes(address: Address): number {
    return inlineBytes(this.#keyLength(address), this.#valueLength(address));
  }

  #field(id: RecordId, at: number): number {
    const address = this.#address(id);
    return this.#slabs.page(address).view.getFloat64(startOf(address) + at, true);
  }

  #keyLength(address: Address): number {
    return this.#slabs.page(address).view.getUint32(startOf(address), true);
  }

  #valueLength(address: Address): number {
    return this.#slabs.page(address).view.getUint32(startOf(address) + VALUE_LENGTH_AT, true);
  }

  #keySpan(address: Address): ByteSpan {
    return keySpan(this.#slabs.page(address).memory, startOf(address), this.#keyLength(address));
  }

  #isOf(id: RecordId, key: ByteString): boolean {
    const address = this.#address(id);
    const page = this.#slabs.page(address);
    const start = startOf(address);
    if (page.view.getUint32(start, true) !== key.length) return false;
    return equals(key, page.memory, start + RECORD_HEADER_BYTES);
  }

  #shard(hash: number): Shard {
    const shard = this.#shards[hash >>> SHARD_SHIFT];
    if (shard === undefined) throw missing('shard for', hash);
    return shard;
  }
}
