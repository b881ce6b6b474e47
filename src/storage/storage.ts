/**
 * What a server keeps on its disk, as the server sees it.
 */

import type { PersistRequest, RecoveredState } from '../raft/types.js';

export interface Storage {
  /** What was on the disk when it was opened. */
  readonly recovered: RecoveredState;

  /**
   * Writes the requests, in order and atomically: after a crash all of them are there, or none. Resolves once they
   * survive one. There may be only one call at a time. Rejects with {@link StorageError} when the disk fails; nothing
   * more can be written then.
   */
  persist(requests: readonly PersistRequest[]): Promise<void>;

  /** Releases the disk once the write under way is over. */
  close(): Promise<void>;
}

export type StorageErrorCode = 'DISK_LOCKED' | 'DISK_OPEN_FAILED' | 'DISK_WRITE_FAILED' | 'DISK_CORRUPT';

/** The disk cannot be used. The message is one line that tells what the user can do. */
export class StorageError extends Error {
  readonly code: StorageErrorCode;

  constructor(code: StorageErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StorageError';
    this.code = code;
  }
}
