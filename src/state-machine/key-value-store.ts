/**
 * The replicated state machine: keys with a value, a version and perhaps a deadline.
 *
 * It is deterministic: the same entries in the same order make the same state. Time passes for it only by the stamps of
 * the batches it applies; it never looks at a clock.
 */

import { type ByteSpan, textOf } from '../bytes/byte-reader.js';
import type { ByteString, HashSecret } from '../bytes/byte-string.js';
import type { Args, CommandResult, WatchedKey } from '../protocol/command.js';
import { type BatchVisitor, readBatch, visitKeys } from './batch.js';
import { DeadlineHeap } from './deadline-heap.js';
import { ImageReader, StoreImage } from './image.js';
import { type ImageObserver, KeyImage, type KeyWalk } from './key-image.js';
import type { KeyRecord } from './key-record.js';
import {
  type EncodedRecord,
  NO_RECORD,
  type RecordContent,
  type RecordId,
  RecordTable,
} from './record-table.js';
import { execute, executeTransaction } from './redis/execute.js';
import type { Keyspace, ReadableKeyspace } from './redis/keyspace.js';
import { Removals } from './removals.js';

const MS_PER_S = 1000;
const OUTDATED_DEADLINES_ALLOWED = 1024;

/** About as many records as the processor's cache holds all the time. */
const CACHED_KEYS = 2_000;
const LEAST_HASHES = 1_024;

export class KeyValueStore implements BatchVisitor {
  /** What the places of keys in memory depend on. A client that knew it could choose keys that are slow to find. */
  readonly hashSecret: HashSecret;
  readonly #records: RecordTable;
  readonly #deadlines = new DeadlineHeap();
  /** How many records have a deadline. */
  #volatileCount = 0;
  readonly #removals = new Removals();
  #clockMs = 0;
  #report: ((result: CommandResult) => void) | undefined;
  /** The hashes of the keys of the batch that is applied: see #nextHash. */
  readonly #batchHashes = new HashList();
  #hashesUsed = 0;
  readonly #readHashes = new HashList();
  /** The images that are being written or gone through. */
  readonly #images = new Set<ImageObserver>();
  readonly #forgetImage = (image: ImageObserver) => {
    this.#images.delete(image);
  };
  readonly #keyspace = this.#newKeyspace();
  readonly #addBatchHash = (key: ByteSpan) => this.#batchHashes.add(this.#records.hash(key));
  /** Never 0. */
  #randomState: number;

  constructor(hashSecret: HashSecret) {
    this.hashSecret = hashSecret;
    this.#records = new RecordTable(hashSecret);
    this.#randomState = hashSecret.k0 | 1;
  }

  /** The latest stamp applied, in ms since the epoch: the time for this store. */
  get clockMs(): number {
    return this.#clockMs;
  }

  /** How many keys there are. */
  get size(): number {
    return this.#records.size;
  }

  /** When the next key expires, in ms since the epoch; undefined when none will. */
  get nextDeadlineMs(): number | undefined {
    this.#dropOutdatedDeadlines();
    return this.#deadlines.first?.deadlineMs;
  }

  /** The key's record as of the last stamp. */
  get(key: string): KeyRecord | undefined {
    const id = this.#records.find(key);
    return id === NO_RECORD ? undefined : this.#recordOf(id);
  }

  /** The key's value as of the last stamp, where it lies: good until something is applied. Undefined without one. */
  value(key: string): ByteString | undefined {
    const id = this.#records.find(key);
    return id === NO_RECORD ? undefined : this.#records.text(id);
  }

  /** {@link value} for each of the keys. The processor waits for memory less often than key by key. */
  values(keys: readonly ByteSpan[]): readonly (ByteString | undefined)[] {
    const hashes = this.#readHashes;
    hashes.clear();
    for (const key of keys) hashes.add(this.#records.hash(key));
    this.#prefetch(hashes);
    return keys.map((key, place) => {
      const id = this.#records.find(key, hashes.at(place));
      return id === NO_RECORD ? undefined : this.#records.text(id);
    });
  }

  /** The store as Redis commands that only read see it, at a time in ms since the epoch. */
  readable(nowMs: number): ReadableKeyspace {
    const { get, keys, walk, removalsOf, random } = this.#keyspace;
    return { nowMs, size: this.size, get, keys, walk, removalsOf, random };
  }

  /** How many keys have a deadline. */
  get volatileCount(): number {
    return this.#volatileCount;
  }

  /** Every key with its record, in no particular order. */
  *entries(): Generator<[key: string, record: KeyRecord], void, undefined> {
    for (const id of this.#records.ids()) yield [this.#records.key(id), this.#recordOf(id)];
  }

  /** Every key, in no particular order. Keys may change meanwhile: those that are there all the time are met. */
  *keys(): Generator<string, void, undefined> {
    for (const id of this.#records.ids()) yield this.#records.key(id);
  }

  /**
   * The state as of now, to be written in slices while the store changes. It keeps what is overwritten, until it is at its
   * end or closed.
   */
  image(): StoreImage {
    const image = new StoreImage(this.#records, { clockMs: this.#clockMs, removals: this.#removals }, () =>
      this.#images.delete(image),
    );
    this.#images.add(image);
    return image;
  }

  /** The keys as of now, to be gone through while the store changes. It is to be closed. */
  walk(): KeyWalk {
    const image = new KeyImage(this.#records, this.#forgetImage);
    this.#images.add(image);
    return image;
  }

  /** A reader of an image, and the store that it fills, which is not to be used before the image's end. */
  static fromImage(hashSecret: HashSecret): { readonly store: KeyValueStore; readonly reader: ImageReader } {
    const store = new KeyValueStore(hashSecret);
    const reader = new ImageReader({
      clock: (clockMs) => {
        store.#clockMs = clockMs;
      },
      removals: (counts) => store.#removals.readFrom(counts),
      record: (record) => store.#addEncoded(record),
    });
    return { store, reader };
  }

  /**
   * Applies one log entry: moves the clock to its stamp, which it never moves back, removes what has expired by then,
   * and executes the commands. `onResult` hears of each command's result as it happens, in order; it may read the store
   * and so sees the state between two commands. Throws BatchError or TruncatedBytesError for a corrupt payload.
   */
  apply(payload: Uint8Array, onResult?: (result: CommandResult) => void): void {
    this.#batchHashes.clear();
    this.#hashesUsed = 0;
    if (!this.#isCached) {
      visitKeys(payload, this.#addBatchHash);
      this.#prefetch(this.#batchHashes);
    }
    this.#report = onResult;
    readBatch(payload, this);
    this.#report = undefined;
  }

  /** The hash of the key of the next set, cas or delete of the batch, which is this key. */
  #nextHash(key: ByteString): number {
    if (this.#hashesUsed === this.#batchHashes.count) return this.#records.hash(key);
    this.#hashesUsed += 1;
    return this.#batchHashes.at(this.#hashesUsed - 1);
  }

  /** Whether the processor is likely to have the records in its cache. */
  get #isCached(): boolean {
    return this.size <= CACHED_KEYS;
  }

  /** Has the processor fetch the records of the keys with these hashes. */
  #prefetch({ hashes, count }: HashList): void {
    if (count > 1 && !this.#isCached) this.#records.prefetch(hashes, count);
  }

  /** @internal Part of {@link apply}. */
  stamp(stampMs: number): void {
    this.#clockMs = Math.max(this.#clockMs, stampMs);
    while (true) {
      const { nextDeadlineMs } = this;
      if (nextDeadlineMs === undefined || nextDeadlineMs > this.#clockMs) return;
      const first = this.#deadlines.first;
      if (first !== undefined) this.#remove(first.key);
    }
  }

  /** @internal Part of {@link apply}. */
  set(key: ByteString, value: ByteString, exptimeS: number): void {
    const hash = this.#nextHash(key);
    this.#store(key, value, exptimeS, this.#records.find(key, hash), hash);
  }

  /** @internal Part of {@link apply}. */
  cas(key: ByteString, value: ByteString, exptimeS: number, version: number): void {
    const hash = this.#nextHash(key);
    const id = this.#records.find(key, hash);
    if (id === NO_RECORD) this.#report?.({ type: 'not-found' });
    else if (this.#records.version(id) !== version) this.#report?.({ type: 'version-mismatch' });
    else this.#store(key, value, exptimeS, id, hash);
  }

  /** @internal Part of {@link apply}. */
  delete(key: ByteString): void {
    // Before the call: an optional call does not evaluate its arguments when nobody listens.
    const existed = this.#remove(key, this.#nextHash(key));
    this.#report?.({ type: existed ? 'deleted' : 'not-found' });
  }

  /** @internal Part of {@link apply}. */
  redis(args: Args): void {
    const value = execute(this.#keyspace, args);
    this.#report?.({ type: 'resp', value });
  }

  /** @internal Part of {@link apply}. */
  redisTransaction(watched: readonly WatchedKey[], commands: readonly Args[]): void {
    const value = executeTransaction(this.#keyspace, watched, commands);
    this.#report?.({ type: 'resp', value });
  }

  #newKeyspace(): Keyspace {
    const store = this;
    return {
      get nowMs() {
        return store.#clockMs;
      },
      get size() {
        return store.size;
      },
      get: (key) => this.get(key),
      keys: () => this.keys(),
      walk: () => this.walk(),
      removalsOf: (key) => this.#removals.of(this.#records.hash(key)),
      random: () => this.#random(),
      put: (key, value, deadlineMs) => {
        const id = this.#records.find(key);
        this.#putUnlessPast(key, { value, version: this.#nextVersion(id), deadlineMs }, id);
      },
      setDeadline: (key, deadlineMs) => {
        const id = this.#records.find(key);
        if (id !== NO_RECORD) this.#putUnlessPast(key, { ...this.#recordOf(id), deadlineMs }, id);
      },
      remove: (key) => this.#remove(key),
    };
  }

  /** Xorshift (Marsaglia, 2003), with a period of 2^32 - 1. */
  #random(): number {
    let state = this.#randomState;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#randomState = state;
    return (state >>> 0) / 2 ** 32;
  }

  #recordOf(id: RecordId): KeyRecord {
    return {
      value: this.#records.value(id),
      version: this.#records.version(id),
      deadlineMs: this.#records.deadlineMs(id),
    };
  }

  #nextVersion(id: RecordId): number {
    return id === NO_RECORD ? 1 : this.#records.version(id) + 1;
  }

  #putUnlessPast(key: string, record: KeyRecord, id: RecordId): void {
    if (record.deadlineMs !== 0 && record.deadlineMs <= this.#clockMs) this.#remove(key);
    else this.#put(key, record, id);
  }

  #store(key: ByteString, value: ByteString, exptimeS: number, id: RecordId, hash: number): void {
    const version = this.#nextVersion(id);
    const deadlineMs = exptimeS === 0 ? 0 : this.#clockMs + exptimeS * MS_PER_S;
    this.#put(key, { value, version, deadlineMs }, id, hash);
    this.#report?.({ type: 'stored', version });
  }

  /** Stores the record under the key. `id` is that of the key, or NO_RECORD. */
  #put(key: ByteString, record: RecordContent, id: RecordId, hash?: number): void {
    if (id === NO_RECORD) {
      const added = this.#records.add(key, record, hash);
      for (const image of this.#images) image.added(added);
    } else {
      for (const image of this.#images) image.beforeChange(id);
      if (this.#records.deadlineMs(id) !== 0) this.#volatileCount -= 1;
      this.#records.replace(id, record);
    }
    if (record.deadlineMs === 0) return;
    this.#volatileCount += 1;
    this.#deadlines.push({ key: typeof key === 'string' ? key : textOf(key), deadlineMs: record.deadlineMs });
    this.#limitOutdatedDeadlines();
  }

  /** Adds a record of an image, which holds no key twice. */
  #addEncoded(record: EncodedRecord): void {
    const id = this.#records.addEncoded(record);
    const deadlineMs = this.#records.deadlineMs(id);
    if (deadlineMs === 0) return;
    this.#volatileCount += 1;
    this.#deadlines.push({ key: this.#records.key(id), deadlineMs });
  }

  /** Removes the key and says whether it was there. */
  #remove(key: ByteString, hash = this.#records.hash(key)): boolean {
    const id = this.#records.find(key, hash);
    if (id === NO_RECORD) return false;
    for (const image of this.#images) image.beforeChange(id);
    if (this.#records.deadlineMs(id) !== 0) this.#volatileCount -= 1;
    this.#records.remove(id, hash);
    this.#removals.add(hash);
    return true;
  }

  #deadlineOf(key: string): number | undefined {
    const id = this.#records.find(key);
    return id === NO_RECORD ? undefined : this.#records.deadlineMs(id);
  }

  #dropOutdatedDeadlines(): void {
    while (true) {
      const { first } = this.#deadlines;
      if (first === undefined || this.#deadlineOf(first.key) === first.deadlineMs) return;
      this.#deadlines.removeFirst();
    }
  }

  #limitOutdatedDeadlines(): void {
    if (this.#deadlines.size <= 2 * this.#volatileCount + OUTDATED_DEADLINES_ALLOWED) return;
    this.#deadlines.rebuild(this.#volatileKeys());
  }

  *#volatileKeys(): Generator<{ key: string; deadlineMs: number }> {
    for (const id of this.#records.ids()) {
      const deadlineMs = this.#records.deadlineMs(id);
      if (deadlineMs !== 0) yield { key: this.#records.key(id), deadlineMs };
    }
  }
}

/** A list without an object for each number. */
class HashList {
  hashes = new Uint32Array(LEAST_HASHES);
  count = 0;

  add(hash: number): void {
    if (this.count === this.hashes.length) {
      const grown = new Uint32Array(2 * this.count);
      grown.set(this.hashes);
      this.hashes = grown;
    }
    this.hashes[this.count] = hash;
    this.count += 1;
  }

  at(place: number): number {
    return this.hashes[place] ?? 0;
  }

  clear(): void {
    this.count = 0;
  }
}
