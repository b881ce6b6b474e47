/**
 * What a server keeps on its disk, as the server sees it.
 */

import type {
  Entry,
  LogPosition,
  LogRead,
  PersistRequest,
  RecoveredState,
  SnapshotMeta,
} from '../raft/types.js';
import type { Backoff } from './shortage-retries.js';

export interface Storage {
  /** What was on the disk when it was opened. Throws TypeError after {@link forgetRecovered}. */
  readonly recovered: RecoveredState;

  /** Nobody asks any more what was on the disk when it was opened: its log need not stay in memory. */
  forgetRecovered(): void;

  /**
   * Writes the requests, in order. After a crash all of them are there, or none; of more than 2 MiB of entries perhaps the
   * first ones, with the hard state. Resolves once they survive one. There may be only one call at a time. Rejects with
   * {@link StorageError} when the disk fails; nothing more can be written then.
   *
   * @param onProgress called when the disk has done a part of what this takes: it works, even if the whole takes long
   */
  persist(requests: readonly PersistRequest[], onProgress?: () => void): Promise<void>;

  /**
   * From now on what fails for a shortage (of space, memory or descriptors) is retried, except by {@link createSnapshot} and
   * what it returns.
   */
  retryWith(backoff: Backoff): void;

  /**
   * Reads durable entries from the log on disk: some of the wanted ones, from the first on, or none when they were dropped since.
   * May run beside {@link persist}. Rejects with {@link StorageError}.
   */
  readEntries(wanted: Omit<LogRead, 'readId'>): Promise<readonly Entry[]>;

  /** Begins a snapshot of the state machine. There is one at a time. Rejects with {@link StorageError}. */
  createSnapshot(): Promise<SnapshotSink>;

  /**
   * Up to `maxBytes` of the snapshot at `position`, from `offset` on: of the newest one or the one before it, undefined
   * for any other. May run beside {@link persist}. Rejects with {@link StorageError}.
   */
  readSnapshot(position: LogPosition, offset: number, maxBytes: number): Promise<Uint8Array | undefined>;

  /**
   * The image of the state machine in the newest snapshot, in pieces, each of which may be overwritten when the next one
   * is asked for. Rejects with {@link StorageError} when it is damaged, perhaps only at its end.
   */
  snapshotImage(): AsyncIterable<Uint8Array>;

  /** Releases the disk once the write under way is over. */
  close(): Promise<void>;
}

/** What a snapshot stands for that is being written. */
export type SnapshotPosition = Omit<SnapshotMeta, 'byteLength'>;

/** A snapshot that is being written. Its bytes are in the format of snapshot-format.ts. */
export interface SnapshotSink {
  /** Resolves when the next bytes may come. Rejects with {@link StorageError}. */
  write(bytes: Uint8Array): Promise<void>;

  /**
   * All bytes were written: makes it the newest snapshot, of everything up to `position`, which must be on this disk,
   * and drops the log up to `logStart`, which is at or before `position`. Resolves once that survives a crash; to undefined, with
   * nothing changed, when a snapshot that reaches as far was installed or the storage was closed meanwhile. Rejects with
   * {@link StorageError}; with DISK_SHORTAGE nothing has changed, and the snapshot is to be discarded.
   */
  commit(position: SnapshotPosition, logStart: LogPosition): Promise<SnapshotMeta | undefined>;

  /** Gives it up, and removes its file. */
  discard(): Promise<void>;
}

export type StorageErrorCode =
  | 'DISK_MISSING'
  | 'DISK_FOREIGN'
  | 'DISK_FORMAT'
  | 'DISK_OPEN_FAILED'
  | 'DISK_READ_FAILED'
  | 'DISK_WRITE_FAILED'
  /** No space, memory or descriptors for now: the same may succeed later. */
  | 'DISK_SHORTAGE'
  | 'DISK_CORRUPT';

/** The disk cannot be used. The message is one line that tells what the user can do. */
export class StorageError extends Error {
  readonly code: StorageErrorCode;

  constructor(code: StorageErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StorageError';
    this.code = code;
  }
}
