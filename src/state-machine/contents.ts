/**
 * What a store holds, and every way in which that changes: keys come, change, go and expire, all are cleared, and a
 * transaction is taken back. Images of the store hear of each change before it happens.
 */

import { type ByteSpan, textOf } from '../bytes/byte-reader.js';
import { type ByteString, type HashSecret, sliceOf } from '../bytes/byte-string.js';
import { ChangeEvent } from './change-events.js';
import { DeadlineHeap } from './deadline-heap.js';
import { History } from './history.js';
import type { ImageObserver } from './key-image.js';
import type { KeyRecord } from './key-record.js';
import type { EncodedRecord, RecordContent } from './record.js';
import { NO_RECORD, type RecordId } from './record-id.js';
import { isLarge } from './record-layout.js';
import { RecordTable } from './record-table.js';
import { Removals } from './removals.js';
import { Revisions } from './revisions.js';
import { type Change, forget, type Table, UndoLog } from './undo-log.js';
import type { Work } from './work.js';

/** About as many records as the processor's cache holds all the time. */
const CACHED_KEYS = 2_000;

/** The cost of moving an entry of the index to make room. Servers may move entries at different times. */
const MOVED_ENTRY_WORK = 30;

export class Contents {
  readonly #secret: HashSecret;
  readonly removals = new Removals();
  readonly revisions = new Revisions();
  readonly history: History;
  /** The latest stamp, in ms since the epoch. */
  #clockMs = 0;
  #records: RecordTable;
  #deadlines: DeadlineHeap;
  #images = new Set<ImageObserver>();
  #undo: UndoLog | undefined;
  /** There are expired keys that were not removed yet: whoever finds a key has to look at its deadline. */
  #hasExpired = false;

  /** @param maxChanges that are kept for those who watch */
  constructor(secret: HashSecret, maxChanges?: number) {
    this.#secret = secret;
    this.history = new History(maxChanges);
    this.#records = new RecordTable(secret);
    this.#deadlines = new DeadlineHeap(this.#records);
  }

  /** The table in use; {@link clear} replaces it. */
  get records(): RecordTable {
    return this.#records;
  }

  get clockMs(): number {
    return this.#clockMs;
  }

  /** When the next key expires, in ms since the epoch; undefined when none will. */
  get nextDeadlineMs(): number | undefined {
    return this.#deadlines.firstMs;
  }

  /** How many keys have a deadline. */
  get volatileCount(): number {
    return this.#deadlines.size;
  }

  /** Whether there are keys that have expired by the clock, and are still to be removed. Nobody sees them. */
  get hasExpired(): boolean {
    const { nextDeadlineMs } = this;
    return nextDeadlineMs !== undefined && nextDeadlineMs <= this.#clockMs;
  }

  /** Gives changes revisions from now on, at the time of this stamp, in ms since the epoch; nothing if that has begun. */
  countRevisions(stampMs: number): void {
    if (this.revisions.isCounted) return;
    this.revisions.begin(stampMs);
    // What was changed before is not kept.
    if (this.#records.size > 0) this.history.beginAfter(this.revisions.last);
    else this.history.beginAt(this.revisions.last);
  }

  /** Time passes, never back. */
  setClock(stampMs: number): void {
    this.#clockMs = Math.max(this.#clockMs, stampMs);
    this.#hasExpired = this.hasExpired;
  }

  /** Removes the key that expired first. There must be an expired key. */
  removeExpired(): void {
    const id = this.#deadlines.firstId;
    if (id === undefined) return;
    this.#removeRecord(id, this.#records.hashOf(id), 'expired');
    this.#hasExpired = this.hasExpired;
  }

  /** The key's id, or {@link NO_RECORD} if there is no such key or it has expired. */
  find(key: ByteString, hash = this.#records.hash(key)): RecordId {
    const id = this.#records.find(key, hash);
    return this.#hasExpired && id !== NO_RECORD && this.isExpired(id) ? NO_RECORD : id;
  }

  /** {@link find} for a key that is about to be stored: an expired key is removed first. */
  findToStore(key: ByteString, hash = this.#records.hash(key)): RecordId {
    const id = this.#records.find(key, hash);
    if (!this.#hasExpired || id === NO_RECORD || !this.isExpired(id)) return id;
    this.#removeRecord(id, hash, 'expired');
    return NO_RECORD;
  }

  /** Whether the processor is likely to have the records in its cache. */
  get isCached(): boolean {
    return this.#records.size <= CACHED_KEYS;
  }

  isExpired(id: RecordId): boolean {
    const deadlineMs = this.#records.deadlineMs(id);
    return deadlineMs !== 0 && deadlineMs <= this.#clockMs;
  }

  recordOf(id: RecordId): KeyRecord {
    const records = this.#records;
    return {
      value: records.value(id),
      version: records.version(id),
      deadlineMs: records.deadlineMs(id),
      revision: this.revisions.shown(records.revision(id)),
    };
  }

  /** Stores a value under the key, which is a change of its own. Returns its version. `id` is that of the key, or NO_RECORD. */
  put(key: ByteString, value: ByteString, deadlineMs: number, id: RecordId, hash?: number): number {
    const version = this.#nextVersion(id);
    const revision = this.revisions.next();
    const stored = this.#put(key, { value, version, deadlineMs, revision }, id, hash);
    if (revision === 0) return version;
    const kept = isLarge(value.length) ? this.#records.text(stored) : value;
    this.history.set(key, kept, version, deadlineMs, revision);
    return version;
  }

  #nextVersion(id: RecordId): number {
    return id === NO_RECORD ? 1 : this.#records.version(id) + 1;
  }

  #put(key: ByteString, record: RecordContent, id: RecordId, hash?: number): RecordId {
    const added = id === NO_RECORD ? this.#add(key, record, hash) : this.#replace(id, record);
    if (record.deadlineMs !== 0) this.#deadlines.set(added, record.deadlineMs);
    return added;
  }

  /** Gives the key another deadline, in ms since the epoch; 0 for none. */
  setDeadline(id: RecordId, deadlineMs: number): void {
    const isSame = deadlineMs === 0 && this.#records.deadlineMs(id) === 0;
    this.#setDeadline(id, deadlineMs, this.revisions.next());
    this.#noteSet(id);
    this.noteEvent(isSame ? ChangeEvent.silent : ChangeEvent.deadline);
  }

  #setDeadline(id: RecordId, deadlineMs: number, revision: number): void {
    const records = this.#records;
    for (const image of this.#images) image.beforeChange(id);
    this.#undo?.add({
      type: 'deadline',
      key: records.key(id),
      deadlineMs: records.deadlineMs(id),
      revision: records.revision(id),
    });
    records.setDeadline(id, deadlineMs, revision);
    if (deadlineMs === 0) this.#deadlines.remove(id);
    else this.#deadlines.set(id, deadlineMs);
  }

  /** Writes a part of a large value. */
  writePart(id: RecordId, offset: number, part: string, work: Work): void {
    const records = this.#records;
    for (const image of this.#images) image.beforeChange(id);
    this.#undo?.add({
      type: 'part',
      key: records.key(id),
      before: {
        offset,
        part: sliceOf(records.text(id), offset, offset + part.length),
        length: records.valueLength(id),
        version: records.version(id),
        revision: records.revision(id),
      },
    });
    const meta = { version: this.#nextVersion(id), revision: this.revisions.next() };
    work.addHidden(records.writePart(id, offset, part, meta));
    this.#noteSet(id);
  }

  /** Removes the key and returns whether it was there. An expired key counts as absent. */
  remove(key: ByteString, hash = this.#records.hash(key)): boolean {
    const id = this.#records.find(key, hash);
    if (id === NO_RECORD) return false;
    const wasThere = !this.#hasExpired || !this.isExpired(id);
    this.#removeRecord(id, hash, wasThere ? 'deleted' : 'expired');
    return wasThere;
  }

  /** What has made the last change: without this, it is a plain one. */
  noteEvent(event: ChangeEvent): void {
    this.history.noteEvent(event, this.revisions.last);
  }

  /** Removes all keys: one change, if there are any. Images go on with the table as it was, which nothing changes any more. */
  clear(): void {
    if (this.#records.size === 0) return;
    const revision = this.revisions.next();
    if (revision !== 0) this.history.removed('flushed', '', revision);
    this.#undo?.add({
      type: 'cleared',
      table: { records: this.#records, deadlines: this.#deadlines, images: this.#images },
    });
    const records = new RecordTable(this.#secret);
    this.#setTable({ records, deadlines: new DeadlineHeap(records), images: new Set() });
    this.removals.addToAll();
  }

  /** Puts a record there that another store has. The key, which is absent, does not change by that. */
  load(key: string, record: RecordContent): void {
    const id = this.#put(key, record, NO_RECORD);
    this.#hasExpired ||= this.isExpired(id);
  }

  /** Takes the key's record away, if there is one: no change of the key. */
  unload(key: string): void {
    const hash = this.#records.hash(key);
    const id = this.#records.find(key, hash);
    if (id === NO_RECORD) return;
    if (this.#records.deadlineMs(id) !== 0) this.#deadlines.remove(id);
    this.#records.remove(id, hash);
  }

  /** Adds a record of an image, which holds no key twice. */
  addEncoded(record: EncodedRecord): void {
    const id = this.#records.addEncoded(record);
    const deadlineMs = this.#records.deadlineMs(id);
    if (deadlineMs === 0) return;
    this.#deadlines.set(id, deadlineMs);
    this.#hasExpired ||= this.isExpired(id);
  }

  /** The images that hear of changes of {@link records}; {@link clear} replaces the set. */
  get images(): Set<ImageObserver> {
    return this.#images;
  }

  /** What changes from now on can be taken back, until {@link keepChanges} or the end of {@link takeBack}. */
  beginChanges(): void {
    this.#undo = new UndoLog(this.revisions.last);
  }

  /** The changes since {@link beginChanges} are to stay. Frees some of what was kept for them, and says whether that is all. */
  keepChanges(work: Work): boolean {
    return this.#endChanges(work, forget);
  }

  /** Takes back some of the changes since {@link beginChanges}, and says whether that is all. */
  takeBack(work: Work): boolean {
    const lastRevision = this.#undo?.lastRevision ?? this.revisions.last;
    if (!this.#endChanges(work, (change) => this.#takeBack(change, work))) return false;
    this.revisions.takeBackTo(lastRevision);
    this.history.cutAfter(lastRevision);
    return true;
  }

  /** Counts work that the table has done since the last call on this server, and perhaps not on others. */
  countHidden(work: Work): void {
    const moved = this.#records.takeMovedEntries();
    if (moved > 0) work.addHidden(moved * MOVED_ENTRY_WORK);
  }

  #endChanges(work: Work, end: (change: Change) => void): boolean {
    const undo = this.#undo;
    if (undo === undefined) return true;
    this.#undo = undefined;
    for (let change = undo.takeLast(); change !== undefined; change = undo.takeLast()) {
      end(change);
      work.addHidden(UNDO_WORK);
      if (!work.isSpent) continue;
      this.#undo = undo;
      return false;
    }
    return true;
  }

  #takeBack(change: Change, work: Work): void {
    switch (change.type) {
      case 'cleared':
        this.#setTable(change.table);
        return;
      case 'added':
        this.remove(change.key);
        return;
      case 'replaced': {
        const record = this.#records.keptContent(change.kept);
        this.#put(change.key, record, this.#records.find(change.key));
        work.addHidden(record.value.length);
        forget(change);
        return;
      }
      case 'deadline':
        this.#setDeadline(this.#records.find(change.key), change.deadlineMs, change.revision);
        return;
      case 'part':
        this.#records.restorePart(this.#records.find(change.key), change.before);
        work.addHidden(change.before.part.length);
        return;
    }
  }

  #setTable({ records, deadlines, images }: Table): void {
    this.#images = images;
    this.#records = records;
    this.#deadlines = deadlines;
    this.#hasExpired = this.hasExpired;
  }

  #add(key: ByteString, record: RecordContent, hash?: number): RecordId {
    const id = this.#records.add(key, record, hash);
    for (const image of this.#images) image.added(id);
    this.#undo?.add({ type: 'added', key: keyText(key) });
    return id;
  }

  #replace(id: RecordId, record: RecordContent): RecordId {
    this.#beforeReplace(id);
    if (record.deadlineMs === 0 && this.#records.deadlineMs(id) !== 0) this.#deadlines.remove(id);
    this.#records.replace(id, record);
    return id;
  }

  #removeRecord(id: RecordId, hash: number, kind: 'deleted' | 'expired'): void {
    const revision = this.revisions.next();
    if (revision !== 0) this.history.removed(kind, this.#records.key(id), revision);
    this.#beforeReplace(id);
    if (this.#records.deadlineMs(id) !== 0) this.#deadlines.remove(id);
    this.#records.remove(id, hash);
    this.removals.add(hash);
  }

  /** The record has changed in place. */
  #noteSet(id: RecordId): void {
    const records = this.#records;
    const revision = records.revision(id);
    if (revision === 0) return;
    const value = this.#textToKeep(id);
    this.history.set(records.key(id), value, records.version(id), records.deadlineMs(id), revision);
  }

  /** The value, if it stays as it is: bytes of which a part may be written are kept only for those who watch, see History. */
  #textToKeep(id: RecordId): ByteString | undefined {
    const records = this.#records;
    if (!records.isLarge(id) || typeof records.text(id) === 'string') return records.text(id);
    if (!this.history.takePart(records.valueLength(id))) return undefined;
    const kept = records.keep(id);
    records.drop(kept);
    return kept.large;
  }

  #beforeReplace(id: RecordId): void {
    for (const image of this.#images) image.beforeChange(id);
    if (this.#undo === undefined) return;
    const records = this.#records;
    this.#undo.add({ type: 'replaced', key: records.key(id), kept: records.keep(id), records });
  }
}

/** The cost of forgetting or taking back a change, besides its bytes. */
const UNDO_WORK = 500;

function keyText(key: string | ByteSpan): string {
  return typeof key === 'string' ? key : textOf(key);
}
