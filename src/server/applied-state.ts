/** The replicated state: the store, and the log position up to which this server has applied the log to it. */

import type { ByteString } from '../bytes/byte-string.js';
import type { CommandResult } from '../protocol/command.js';
import type { Entry, LogPosition } from '../raft/types.js';
import type { KeyValueStore } from '../state-machine/key-value-store.js';
import type { ReadableKeyspace } from '../state-machine/redis/keyspace.js';
import type { Work } from '../state-machine/work.js';

export class AppliedState {
  #store: KeyValueStore;
  #position: LogPosition;
  #revisionBefore = 0;

  /** @param store holds everything up to `position` */
  constructor(store: KeyValueStore, position: LogPosition) {
    this.#store = store;
    this.#position = position;
  }

  /** Holds everything up to {@link position}. Another one after {@link replace}. */
  get store(): KeyValueStore {
    return this.#store;
  }

  get position(): LogPosition {
    return this.#position;
  }

  /** The last revision as of {@link position}: a part of the entry after it may be applied, and taken back. */
  get revisionAtEntry(): number {
    return this.#store.isWithinEntry ? this.#revisionBefore : this.#store.lastRevision;
  }

  /** Begins to apply the entry after {@link position}; tells the result of each of its commands as soon as that is applied. */
  begin({ payload, term }: Entry, onResult?: (result: CommandResult) => void): void {
    this.#revisionBefore = this.#store.lastRevision;
    this.#store.begin(payload, onResult, term);
  }

  /**
   * Goes on with the entry that was begun, until the work is spent or the store is told to pause. Returns whether the entry
   * is applied as a whole; {@link position} stays before it until then.
   */
  goOn({ index, term }: Entry, work: Work): boolean {
    if (!this.#store.goOn(work)) return false;
    this.#position = { index, term };
    return true;
  }

  /** Goes on with a store that holds everything up to a later `position`. */
  replace(store: KeyValueStore, position: LogPosition): void {
    this.#store = store;
    this.#position = position;
  }

  /**
   * Whether a key has outlived its deadline by this log time, but not yet by the stamps of the log: it is still in the
   * store, and no reader may see it until a later stamp is applied.
   */
  hasOutlivedKey(logTimeMs: number): boolean {
    const { nextDeadlineMs } = this.#store;
    return nextDeadlineMs !== undefined && nextDeadlineMs <= logTimeMs;
  }

  /** Whether the store shows no key that had outlived its deadline by this log time. */
  showsNoneOutlivedBy(logTimeMs: number): boolean {
    return this.#store.clockMs >= logTimeMs || !this.hasOutlivedKey(logTimeMs);
  }

  /** The key's value as of this log time, or else of the last stamp; good until something is applied. */
  value(key: string, logTimeMs: number | undefined): ByteString | undefined {
    if (logTimeMs === undefined || !this.hasOutlivedKey(logTimeMs)) return this.#store.value(key);
    return this.readable(logTimeMs).find(key) === undefined ? undefined : this.#store.value(key);
  }

  /** What Redis commands see at this log time, which other threads may have moved past. */
  readable(logTimeMs: number): ReadableKeyspace {
    return this.#store.readable(Math.max(logTimeMs, this.#store.clockMs));
  }
}
