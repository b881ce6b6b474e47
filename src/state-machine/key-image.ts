/**
 * The keys of a store as of one moment, gone through in slices while the store changes.
 *
 * It goes through the records by their ids, and remembers the keys of those that have changed before their turn came.
 */

import type { RecordId } from './record-id.js';
import type { RecordTable } from './record-table.js';

/** Hears of each change of a record, so that an image can keep what it has yet to write. */
export interface ImageObserver {
  /** A record is about to be changed or removed. */
  beforeChange(id: RecordId): void;
  /** A record came into being. */
  added(id: RecordId): void;
}

/** A way through the keys, place by place. */
export interface KeyWalk {
  readonly isAtEnd: boolean;
  /** The key at the next place; undefined if there is none. */
  next(): string | undefined;
  /** Frees what was kept. To be called once no more keys are needed. */
  close(): void;
}

export interface KeyImageOptions {
  readonly records: RecordTable;
  /** Keys with a deadline up to it have expired, and are left out; in ms since the epoch. */
  readonly clockMs: number;
  readonly onEnd: () => void;
}

export class KeyImage implements KeyWalk, ImageObserver {
  readonly #records: RecordTable;
  readonly #clockMs: number;
  readonly #onEnd: () => void;
  /** One more than the last id of the image. */
  readonly #idLimit: RecordId;
  /** The old keys of ids whose turn has not come and whose record has changed; undefined for an id that was unused. */
  readonly #kept = new Map<RecordId, string | undefined>();
  #nextId: RecordId = 0;

  /** @internal Made by {@link KeyValueStore.walk}. */
  constructor({ records, clockMs, onEnd }: KeyImageOptions) {
    this.#records = records;
    this.#clockMs = clockMs;
    this.#onEnd = onEnd;
    this.#idLimit = records.idLimit;
  }

  /** @internal */
  beforeChange(id: RecordId): void {
    if (this.#isToCome(id) && !this.#kept.has(id)) this.#kept.set(id, this.#keyAt(id));
  }

  /** @internal */
  added(id: RecordId): void {
    if (this.#isToCome(id) && !this.#kept.has(id)) this.#kept.set(id, undefined);
  }

  get isAtEnd(): boolean {
    return this.#nextId >= this.#idLimit;
  }

  next(): string | undefined {
    const id = this.#nextId;
    if (id >= this.#idLimit) return undefined;
    this.#nextId += 1;
    if (!this.#kept.has(id)) return this.#records.has(id) ? this.#keyAt(id) : undefined;
    const key = this.#kept.get(id);
    this.#kept.delete(id);
    return key;
  }

  close(): void {
    this.#nextId = this.#idLimit;
    this.#kept.clear();
    this.#onEnd();
  }

  #keyAt(id: RecordId): string | undefined {
    const deadlineMs = this.#records.deadlineMs(id);
    return deadlineMs !== 0 && deadlineMs <= this.#clockMs ? undefined : this.#records.key(id);
  }

  #isToCome(id: RecordId): boolean {
    return id >= this.#nextId && id < this.#idLimit;
  }
}
