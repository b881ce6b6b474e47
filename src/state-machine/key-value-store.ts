/**
 * The replicated state machine: keys with a value, a version and perhaps a deadline.
 *
 * It is deterministic: the same entries in the same order make the same state. Time passes for it only by the stamps of
 * the batches it applies; it never looks at a clock.
 */

import type { ByteSpan } from '../bytes/byte-reader.js';
import type { ByteString, HashSecret } from '../bytes/byte-string.js';
import type { CommandResult } from '../protocol/command.js';
import { Contents } from './contents.js';
import { EntryApplication } from './entry-application.js';
import { HashList } from './hash-list.js';
import type { History } from './history.js';
import { ImageReader, StoreImage } from './image.js';
import { KeyImage, type KeyWalk } from './key-image.js';
import type { KeyRecord } from './key-record.js';
import { NO_RECORD } from './record-id.js';
import type { ReadableKeyspace } from './redis/keyspace.js';
import { RouterDedupe } from './router-dedupe/router-dedupe.js';
import { ClientSession, type SessionFacts } from './sessions/client-session.js';
import { ClientSessions } from './sessions/client-sessions.js';
import { ReadView, StoreKeyspace } from './store-keyspace.js';
import { Work } from './work.js';

export class KeyValueStore {
  /** The places of keys in memory depend on this secret. A client that knew it could choose keys that are slow to find. */
  readonly hashSecret: HashSecret;
  readonly #contents: Contents;
  readonly #keyspace: StoreKeyspace;
  readonly #sessions = new ClientSessions();
  readonly #dedupe = new RouterDedupe();
  readonly #application: EntryApplication;
  readonly #readHashes = new HashList();

  /** @param maxChanges that are kept for those who watch */
  constructor(hashSecret: HashSecret, maxChanges?: number) {
    this.hashSecret = hashSecret;
    this.#contents = new Contents(hashSecret, maxChanges);
    this.#keyspace = new StoreKeyspace(this.#contents, (clockMs) => this.walk(clockMs), hashSecret.k0);
    this.#application = new EntryApplication(this.#contents, this.#keyspace, this.#sessions, this.#dedupe);
  }

  /** The latest stamp applied, in ms since the epoch: the time for this store. */
  get clockMs(): number {
    return this.#contents.clockMs;
  }

  /** How many keys there are, including expired keys that were not removed yet. */
  get size(): number {
    return this.#contents.records.size;
  }

  /** When the next key expires, in ms since the epoch, or when it has expired; undefined when none will. */
  get nextDeadlineMs(): number | undefined {
    return this.#contents.nextDeadlineMs;
  }

  /** Whether there are keys that have expired, and wait for later entries to remove them: each removes a limited number. */
  get hasExpired(): boolean {
    return this.#contents.hasExpired;
  }

  /** The last changes, for those who watch. */
  get history(): History {
    return this.#contents.history;
  }

  /** The revision of the last change; 0 while revisions are not counted. */
  get lastRevision(): number {
    return this.#contents.revisions.last;
  }

  /** How many sessions of clients there are. */
  get sessionCount(): number {
    return this.#sessions.count;
  }

  /** How far that connection of the router has got: where the last of its writes that was applied ends in its stream. */
  highestPlaceOf(row: number, connection: number): number {
    return this.#dedupe.highestPlaceOf(row, connection);
  }

  /** How many keys have a deadline. */
  get volatileCount(): number {
    return this.#contents.volatileCount;
  }

  /** The key's record as of the last stamp. */
  get(key: string): KeyRecord | undefined {
    const id = this.#contents.find(key);
    return id === NO_RECORD ? undefined : this.#contents.recordOf(id);
  }

  /** The key's value as of the last stamp, where it lies: good until something is applied. Undefined without a value. */
  value(key: string): ByteString | undefined {
    const id = this.#contents.find(key);
    return id === NO_RECORD ? undefined : this.#contents.records.text(id);
  }

  /** {@link value} for each of the keys. The processor waits for memory less often than key by key. */
  values(keys: readonly ByteSpan[]): readonly (ByteString | undefined)[] {
    const { records } = this.#contents;
    const hashes = this.#readHashes;
    hashes.clear();
    for (const key of keys) hashes.add(records.hash(key));
    if (hashes.count > 1 && !this.#contents.isCached) records.prefetch(hashes.hashes, hashes.count);
    return keys.map((key, place) => {
      const id = this.#contents.find(key, hashes.at(place));
      return id === NO_RECORD ? undefined : records.text(id);
    });
  }

  /** The store as Redis commands that only read see it, at a time in ms since the epoch. */
  readable(nowMs: number): ReadableKeyspace {
    return new ReadView(this.#keyspace, nowMs);
  }

  /**
   * The state as of now, to be written in slices while the store changes. It keeps what is overwritten, until it is at its
   * end or closed. Not while an entry is applied. In a backup, what belongs to this log alone is left out.
   */
  image({ isBackup }: { readonly isBackup: boolean } = { isBackup: false }): StoreImage {
    const { images, records, clockMs, removals, revisions } = this.#contents;
    const sessions = this.#sessions.image({ isBackup });
    const dedupe = this.#dedupe.image({ isBackup });
    const head = { clockMs, revisions: revisions.state, removals, sessions, dedupe };
    const image = new StoreImage(records, head, () => images.delete(image));
    images.add(image);
    return image;
  }

  /**
   * The keys as of now, to be gone through while the store changes. Those that have expired by `clockMs` are left out. It is to
   * be closed.
   */
  walk(clockMs = this.clockMs): KeyWalk {
    const { images, records } = this.#contents;
    const image = new KeyImage({ records, clockMs, onEnd: () => images.delete(image) });
    images.add(image);
    return image;
  }

  /** A reader of an image, and the store that it fills, which is not to be used before the image's end. */
  static fromImage(
    hashSecret: HashSecret,
    maxChanges?: number,
  ): { readonly store: KeyValueStore; readonly reader: ImageReader } {
    const store = new KeyValueStore(hashSecret, maxChanges);
    const contents = store.#contents;
    const reader = new ImageReader({
      clock: (clockMs) => contents.setClock(clockMs),
      revisions: (state) => {
        contents.revisions.state = state;
        contents.history.beginAfter(contents.revisions.last);
      },
      removals: (counts) => contents.removals.readFrom(counts),
      sessions: store.#sessions,
      dedupe: store.#dedupe,
      record: (record) => contents.addEncoded(record),
    });
    return { store, reader };
  }

  /** Puts records there of keys that are absent, for a while: this store is not where they are kept. */
  load(records: ReadonlyMap<string, KeyRecord>): void {
    for (const [key, record] of records) this.#contents.load(key, record);
  }

  /** Takes away what {@link load} has put there, or what became of it, and forgets what was removed meanwhile. */
  unload(keys: Iterable<string>): void {
    for (const key of keys) this.#contents.unload(key);
    this.#contents.removals.forget();
  }

  /** Puts sessions there, for a while, in place of all that there are. They are used now, by the clock of this store. */
  loadSessions(sessions: Iterable<Omit<SessionFacts, 'lastUsedMs'>>): readonly ClientSession[] {
    this.#sessions.clear();
    return [...sessions].map((facts) => {
      const session = new ClientSession({ ...facts, lastUsedMs: this.clockMs }, 0);
      this.#sessions.add(session);
      return session;
    });
  }

  /** Applies one log entry at once: see {@link begin}. */
  apply(payload: Uint8Array, onResult?: (result: CommandResult) => void, term = 1): void {
    this.begin(payload, onResult, term);
    this.goOn(new Work());
  }

  /**
   * Begins to apply one log entry of this term, which {@link goOn} then does: moves the clock to its stamp, which it never
   * moves back, removes what has expired by then, and executes the commands. `onResult` hears of each command's result as it
   * happens, in order; it may read the store and so sees the state between two commands. Throws BatchError or TruncatedBytesError
   * for a corrupt payload, as goOn does.
   */
  begin(payload: Uint8Array, onResult?: (result: CommandResult) => void, term = 1): void {
    this.#application.begin(payload, onResult, term);
  }

  /** Applies more of the entry that was begun, until the work is spent. Returns whether the entry is at its end. */
  goOn(work: Work): boolean {
    return this.#application.goOn(work);
  }

  /** Reads that go on in steps count their work here. */
  workFor(work: Work): void {
    this.#keyspace.work = work;
  }

  /** Has {@link goOn} return once the result that was just reported is dealt with. */
  pause(): void {
    this.#application.pause();
  }

  /** Whether an entry was begun and is not at its end. Only whoever applies it may look at the store then. */
  get isWithinEntry(): boolean {
    return this.#application.isWithin;
  }
}
