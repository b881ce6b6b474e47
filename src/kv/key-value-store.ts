/**
 * The replicated state machine: keys with a value, a version and perhaps a deadline.
 *
 * It is deterministic: the same entries in the same order make the same state. Time passes for it only by the stamps of
 * the batches it applies; it never looks at a clock.
 */

import type { Words } from '../redis/command.js';
import { execute, executeTransaction, type WatchedKey } from '../redis/execute.js';
import type { Keyspace, ReadableKeyspace } from '../redis/keyspace.js';
import { type BatchVisitor, readBatch } from './batch.js';
import type { CommandResult } from './command.js';
import { DeadlineHeap } from './deadline-heap.js';
import { ImageReader, StoreImage } from './image.js';

/** What the store holds for a key. Records are never changed, only replaced. */
export interface KeyRecord {
  /** One character per byte: a string takes a byte per byte and a small header, a typed array ten times the header. */
  readonly value: string;
  /** Counts the key's writes: 1 for the first since it came into being. */
  readonly version: number;
  /** When the key expires, in ms since the epoch; 0 for never. */
  readonly deadlineMs: number;
}

const MS_PER_S = 1000;
const OUTDATED_DEADLINES_ALLOWED = 1024;

export class KeyValueStore implements BatchVisitor {
  readonly #records = new Map<string, KeyRecord>();
  readonly #deadlines = new DeadlineHeap();
  /** How many records have a deadline. */
  #mortalCount = 0;
  #clockMs = 0;
  #report: ((result: CommandResult) => void) | undefined;
  /** Those that are being written. */
  readonly #images = new Set<StoreImage>();
  readonly #keyspace = this.#newKeyspace();

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
    return this.#records.get(key);
  }

  /** The store as Redis commands that only read see it, at a time in ms since the epoch. */
  readable(nowMs: number): ReadableKeyspace {
    const { get, keys } = this.#keyspace;
    return { nowMs, size: this.size, get, keys };
  }

  /** How many keys have a deadline. */
  get mortalCount(): number {
    return this.#mortalCount;
  }

  /** Every key with its record, in no particular order. */
  entries(): IterableIterator<[key: string, record: KeyRecord]> {
    return this.#records.entries();
  }

  /**
   * The state as of now, to be written bit by bit while the store changes. Until it is at its end or closed, it keeps
   * what is overwritten.
   */
  image(): StoreImage {
    const image = new StoreImage(this.#records, this.#clockMs, () => this.#images.delete(image));
    this.#images.add(image);
    return image;
  }

  /** A reader of an image, and the store that it fills, which is not to be used before the image's end. */
  static fromImage(): { readonly store: KeyValueStore; readonly reader: ImageReader } {
    const store = new KeyValueStore();
    const reader = new ImageReader({
      clock: (clockMs) => {
        store.#clockMs = clockMs;
      },
      record: (key, record) => {
        // No key is there twice with different records, so that what has no deadline need not be looked up.
        if (record.deadlineMs === 0) store.#records.set(key, record);
        else store.#put(key, record, store.#records.get(key));
      },
    });
    return { store, reader };
  }

  /**
   * Applies one log entry: moves the clock to its stamp, which it never moves back, removes what has expired by then,
   * and executes the commands. `onResult` hears of each command's result as it happens, in order; it may read the store
   * and so sees the state between two commands. Throws BatchError or TruncatedBytesError for a corrupt payload.
   */
  apply(payload: Uint8Array, onResult?: (result: CommandResult) => void): void {
    this.#report = onResult;
    readBatch(payload, this);
    this.#report = undefined;
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
  set(key: string, value: string, exptimeS: number): void {
    this.#store(key, value, exptimeS, this.#records.get(key));
  }

  /** @internal Part of {@link apply}. */
  cas(key: string, value: string, exptimeS: number, version: number): void {
    const record = this.#records.get(key);
    if (record === undefined) this.#report?.({ type: 'not-found' });
    else if (record.version !== version) this.#report?.({ type: 'version-mismatch' });
    else this.#store(key, value, exptimeS, record);
  }

  /** @internal Part of {@link apply}. */
  delete(key: string): void {
    // Not in one expression: an optional call evaluates no argument when nobody listens.
    const existed = this.#remove(key);
    this.#report?.({ type: existed ? 'deleted' : 'not-found' });
  }

  /** @internal Part of {@link apply}. */
  redis(words: Words): void {
    const value = execute(this.#keyspace, words);
    this.#report?.({ type: 'resp', value });
  }

  /** @internal Part of {@link apply}. */
  redisTransaction(watched: readonly WatchedKey[], commands: readonly Words[]): void {
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
      get: (key) => this.#records.get(key),
      keys: () => this.#records.keys(),
      put: (key, value, deadlineMs) => {
        const before = this.#records.get(key);
        this.#putUnlessPast(key, { value, version: (before?.version ?? 0) + 1, deadlineMs }, before);
      },
      setDeadline: (key, deadlineMs) => {
        const before = this.#records.get(key);
        if (before !== undefined) this.#putUnlessPast(key, { ...before, deadlineMs }, before);
      },
      remove: (key) => this.#remove(key),
    };
  }

  #putUnlessPast(key: string, record: KeyRecord, before: KeyRecord | undefined): void {
    if (record.deadlineMs !== 0 && record.deadlineMs <= this.#clockMs) this.#remove(key);
    else this.#put(key, record, before);
  }

  #store(key: string, value: string, exptimeS: number, before: KeyRecord | undefined): void {
    const version = (before?.version ?? 0) + 1;
    const deadlineMs = exptimeS === 0 ? 0 : this.#clockMs + exptimeS * MS_PER_S;
    this.#put(key, { value, version, deadlineMs }, before);
    this.#report?.({ type: 'stored', version });
  }

  /** Replaces what the key holds, which is `before`: to look it up once more is what costs most here. */
  #put(key: string, record: KeyRecord, before: KeyRecord | undefined): void {
    if (this.#images.size > 0) for (const image of this.#images) image.beforeChange(key, before);
    if (before !== undefined && before.deadlineMs !== 0) this.#mortalCount -= 1;
    this.#records.set(key, record);
    if (record.deadlineMs === 0) return;
    this.#mortalCount += 1;
    this.#deadlines.push({ key, deadlineMs: record.deadlineMs });
    this.#limitOutdatedDeadlines();
  }

  /** Removes the key and says whether it was there. */
  #remove(key: string): boolean {
    const record = this.#records.get(key);
    if (record === undefined) return false;
    for (const image of this.#images) image.beforeChange(key, record);
    if (record.deadlineMs !== 0) this.#mortalCount -= 1;
    return this.#records.delete(key);
  }

  #dropOutdatedDeadlines(): void {
    while (true) {
      const { first } = this.#deadlines;
      if (first === undefined || this.#records.get(first.key)?.deadlineMs === first.deadlineMs) return;
      this.#deadlines.removeFirst();
    }
  }

  #limitOutdatedDeadlines(): void {
    if (this.#deadlines.size <= 2 * this.#mortalCount + OUTDATED_DEADLINES_ALLOWED) return;
    this.#deadlines.rebuild(this.#mortals());
  }

  *#mortals(): Generator<{ key: string; deadlineMs: number }> {
    for (const [key, { deadlineMs }] of this.#records) {
      if (deadlineMs !== 0) yield { key, deadlineMs };
    }
  }
}
