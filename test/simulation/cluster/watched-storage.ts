/** A server's storage that tells what it was asked to write, and what it has said is written. */

import type { Entry, LogPosition, LogRead, PersistRequest, RecoveredState } from '../../../src/raft/types.js';
import type { Backoff } from '../../../src/storage/shortage-retries.js';
import type { SnapshotSink, Storage } from '../../../src/storage/storage.js';

export class WatchedStorage implements Storage {
  readonly #storage: Storage;
  readonly #onPersisted: (requests: readonly PersistRequest[]) => void;

  /** @param onPersisted told before the server is */
  constructor(storage: Storage, onPersisted: (requests: readonly PersistRequest[]) => void) {
    this.#storage = storage;
    this.#onPersisted = onPersisted;
  }

  get recovered(): RecoveredState {
    return this.#storage.recovered;
  }

  forgetRecovered(): void {
    this.#storage.forgetRecovered();
  }

  readEntries(wanted: Omit<LogRead, 'readId'>): Promise<readonly Entry[]> {
    return this.#storage.readEntries(wanted);
  }

  async persist(requests: readonly PersistRequest[]): Promise<void> {
    await this.#storage.persist(requests);
    this.#onPersisted(requests);
  }

  retryWith(backoff: Backoff): void {
    this.#storage.retryWith(backoff);
  }

  createSnapshot(): Promise<SnapshotSink> {
    return this.#storage.createSnapshot();
  }

  readSnapshot(position: LogPosition, offset: number, maxBytes: number): Promise<Uint8Array | undefined> {
    return this.#storage.readSnapshot(position, offset, maxBytes);
  }

  snapshotImage(): AsyncIterable<Uint8Array> {
    return this.#storage.snapshotImage();
  }

  close(): Promise<void> {
    return this.#storage.close();
  }
}
