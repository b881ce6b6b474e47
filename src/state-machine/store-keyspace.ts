/** A store as the Redis commands of an entry see it, and what their work on it costs. */

import { type ByteString, sliceOf } from '../bytes/byte-string.js';
import { DEFAULT_MAX_VALUE_BYTES, MAX_VALUE_BYTES } from '../limits.js';
import { ChangeEvent } from './change-events.js';
import type { Contents } from './contents.js';
import { HashList } from './hash-list.js';
import { HASHES } from './index-shard.js';
import type { KeyWalk } from './key-image.js';
import type { KeyRecord } from './key-record.js';
import { NO_RECORD, type RecordId } from './record-id.js';
import type { KeyMeta, KeysLimit, KeysPart, Keyspace, ReadableKeyspace } from './redis/keyspace.js';
import { COMMAND_WORK, KEY_WORK, Work } from './work.js';

/** Keys that are looked for in one piece of work. */
const MAX_KEYS_AT_ONCE = 256;

/** Xorshift (Marsaglia, 2003), with a period of 2^32 - 1. */
class Draws {
  /** Never 0. */
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 1;
  }

  /** Uniform in [0, 1). */
  next(): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return (state >>> 0) / 2 ** 32;
  }
}

export class StoreKeyspace implements Keyspace {
  readonly #contents: Contents;
  readonly #walk: (clockMs: number) => KeyWalk;
  /** Counts the work done. */
  work = new Work();
  /** The length of the largest value, as the entry that is applied has it. */
  maxValueBytes = DEFAULT_MAX_VALUE_BYTES;
  readonly #hashes = new HashList();
  readonly #seed: number;
  /** Draws for the entry that is applied, the same on each server: how much work a draw costs depends on it. */
  #entryDraws: Draws;
  /** Draws for reads, which each server has for itself. */
  readonly readDraws: Draws;

  constructor(contents: Contents, walk: (clockMs: number) => KeyWalk, seed: number) {
    this.#contents = contents;
    this.#walk = walk;
    this.#seed = seed;
    this.#entryDraws = new Draws(seed);
    this.readDraws = new Draws(seed);
  }

  /** The next entry is to be applied: what it draws depends on nothing but the state before it. */
  beginEntry(): void {
    const { clockMs, revisions } = this.#contents;
    this.#entryDraws = new Draws(
      this.#seed ^ Math.imul(clockMs | 0, 0x9e3779b1) ^ Math.imul(revisions.last | 0, 0x85ebca6b),
    );
  }

  get nowMs(): number {
    return this.#contents.clockMs;
  }

  get size(): number {
    return this.#contents.records.size;
  }

  get(key: ByteString): KeyRecord | undefined {
    const id = this.#find(key);
    if (id === NO_RECORD) return undefined;
    this.work.units += this.#contents.records.valueLength(id);
    return this.#contents.recordOf(id);
  }

  prefetch(keys: readonly ByteString[]): void {
    const { records, isCached } = this.#contents;
    if (isCached) return;
    this.#hashes.clear();
    for (const key of keys) this.#hashes.add(records.hash(key));
    records.prefetch(this.#hashes.hashes, this.#hashes.count);
  }

  find(key: ByteString): KeyMeta | undefined {
    const id = this.#find(key);
    if (id === NO_RECORD) return undefined;
    const { records } = this.#contents;
    return {
      version: records.version(id),
      deadlineMs: records.deadlineMs(id),
      length: records.valueLength(id),
      revision: records.revision(id),
    };
  }

  slice(key: string, start: number, end: number): string {
    const id = this.#find(key);
    if (id === NO_RECORD) return '';
    const part = sliceOf(this.#contents.records.text(id), start, end);
    this.work.units += part.length;
    return part;
  }

  /** @param asOfMs keys that have expired by then are left out */
  keysFrom(hash: number, limit: KeysLimit, asOfMs = this.nowMs): KeysPart {
    const { records } = this.#contents;
    const span = Math.ceil((HASHES * Math.min(limit.maxKeys, MAX_KEYS_AT_ONCE)) / Math.max(1, records.size));
    const range = records.inHashOrder(hash, span);
    this.work.units += COMMAND_WORK;
    this.work.addHidden(range.lookedAt);
    const keys: string[] = [];
    let leftBytes = limit.maxBytes;
    let lastHash = -1;
    for (const { hash: keyHash, id } of range.keys) {
      const isFull = keys.length >= limit.maxKeys || leftBytes <= 0;
      if (isFull && keyHash !== lastHash) return { keys, next: keyHash };
      lastHash = keyHash;
      this.work.units += KEY_WORK;
      const deadlineMs = records.deadlineMs(id);
      if (deadlineMs !== 0 && deadlineMs <= asOfMs) continue;
      const key = records.key(id);
      this.work.units += key.length;
      leftBytes -= key.length;
      keys.push(key);
    }
    return { keys, next: range.end < HASHES ? range.end : undefined };
  }

  walk(clockMs = this.nowMs): KeyWalk {
    return this.#walk(clockMs);
  }

  removalsOf(key: string): number {
    return this.#contents.removals.of(this.#contents.records.hash(key));
  }

  random(): number {
    return this.#entryDraws.next();
  }

  put(key: ByteString, value: ByteString, deadlineMs: number, event: ChangeEvent = ChangeEvent.plain): void {
    const contents = this.#contents;
    const hash = contents.records.hash(key);
    const id = this.#findToStore(key, hash);
    this.work.units += value.length + this.#keptBytes(id);
    if (deadlineMs !== 0 && deadlineMs <= contents.clockMs) contents.remove(key, hash);
    else {
      contents.put(key, value, deadlineMs, id, hash);
      if (event !== ChangeEvent.plain) contents.noteEvent(event);
    }
  }

  setDeadline(key: string, deadlineMs: number): void {
    const contents = this.#contents;
    const id = this.#findToStore(key);
    if (id === NO_RECORD) return;
    if (deadlineMs !== 0 && deadlineMs <= contents.clockMs) contents.remove(key);
    else contents.setDeadline(id, deadlineMs);
  }

  writePart(key: string, offset: number, part: string, event: ChangeEvent): number {
    const contents = this.#contents;
    const id = this.#findToStore(key);
    const length = id === NO_RECORD ? 0 : contents.records.valueLength(id);
    this.work.units += 2 * part.length + Math.max(0, offset - length);
    if (id !== NO_RECORD && contents.records.isLarge(id)) contents.writePart(id, offset, part, this.work);
    else {
      const before = id === NO_RECORD ? '' : contents.records.value(id);
      const value = before.padEnd(offset, '\0').slice(0, offset) + part + before.slice(offset + part.length);
      const deadlineMs = id === NO_RECORD ? 0 : contents.records.deadlineMs(id);
      contents.put(key, value, deadlineMs, id);
    }
    contents.noteEvent(event);
    return Math.max(length, offset + part.length);
  }

  remove(key: ByteString, event: ChangeEvent = ChangeEvent.plain): boolean {
    const hash = this.#contents.records.hash(key);
    const id = this.#findToStore(key, hash);
    this.work.units += this.#keptBytes(id);
    const isRemoved = id !== NO_RECORD && this.#contents.remove(key, hash);
    if (isRemoved && event !== ChangeEvent.plain) this.#contents.noteEvent(event);
    return isRemoved;
  }

  clear(): void {
    this.#contents.clear();
  }

  beginChanges(): void {
    this.#contents.beginChanges();
  }

  keepChanges(): boolean {
    return this.#contents.keepChanges(this.work);
  }

  takeBack(): boolean {
    return this.#contents.takeBack(this.work);
  }

  #find(key: ByteString): RecordId {
    this.work.units += KEY_WORK + key.length;
    return this.#contents.find(key);
  }

  #findToStore(key: ByteString, hash?: number): RecordId {
    this.work.units += KEY_WORK + key.length;
    return this.#contents.findToStore(key, hash);
  }

  /** Bytes that a transaction keeps of the record, to undo that it is replaced or removed. */
  #keptBytes(id: RecordId): number {
    if (id === NO_RECORD || this.#contents.records.isLarge(id)) return 0;
    return this.#contents.records.valueLength(id);
  }
}

/** A store as the Redis commands that only read see it, at a time of their own. */
export class ReadView implements ReadableKeyspace {
  readonly #keyspace: StoreKeyspace;
  readonly nowMs: number;

  constructor(keyspace: StoreKeyspace, nowMs: number) {
    this.#keyspace = keyspace;
    this.nowMs = nowMs;
  }

  get size(): number {
    return this.#keyspace.size;
  }

  get maxValueBytes(): number {
    return MAX_VALUE_BYTES;
  }

  get work(): Work {
    return this.#keyspace.work;
  }

  get(key: ByteString): KeyRecord | undefined {
    const record = this.#keyspace.get(key);
    return record === undefined || this.#isOver(record) ? undefined : record;
  }

  prefetch(keys: readonly ByteString[]): void {
    this.#keyspace.prefetch(keys);
  }

  find(key: ByteString): KeyMeta | undefined {
    const meta = this.#keyspace.find(key);
    return meta === undefined || this.#isOver(meta) ? undefined : meta;
  }

  slice(key: string, start: number, end: number): string {
    return this.find(key) === undefined ? '' : this.#keyspace.slice(key, start, end);
  }

  keysFrom(hash: number, limit: KeysLimit): KeysPart {
    return this.#keyspace.keysFrom(hash, limit, this.nowMs);
  }

  walk(): KeyWalk {
    return this.#keyspace.walk(this.nowMs);
  }

  removalsOf(key: string): number {
    return this.#keyspace.removalsOf(key);
  }

  random(): number {
    return this.#keyspace.readDraws.next();
  }

  /** Whether the key's deadline is over by now, though no stamp has removed the key yet. */
  #isOver({ deadlineMs }: Pick<KeyMeta, 'deadlineMs'>): boolean {
    return deadlineMs !== 0 && deadlineMs <= this.nowMs;
  }
}
