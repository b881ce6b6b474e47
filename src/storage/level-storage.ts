/**
 * A server's log and hard state in LevelDB.
 *
 * LevelDB brings what a log on disk needs: batches that are atomic, checksums, and recovery that drops a batch which a
 * crash tore. One group commit is one batch, and one entry, which holds many clients' commands, is one value.
 */

import { ClassicLevel } from 'classic-level';
import { LOG_ORIGIN } from '../raft/log.js';
import type { Entry, HardState, LogIndex, PersistRequest, RecoveredState } from '../raft/types.js';
import {
  decodeEntry,
  decodeHardState,
  encodeEntry,
  encodeHardState,
  entryKey,
  FIRST_ENTRY_KEY,
  HARD_STATE_KEY,
  LAST_ENTRY_KEY,
} from './records.js';
import { type Storage, StorageError } from './storage.js';

type Level = ClassicLevel<Uint8Array, Uint8Array>;

export interface LevelStorageOptions {
  /** The server's own directory; created when missing. */
  readonly directory: string;
  /** Whether a write counts only once it is on the disk, or already when the operating system has it. */
  readonly fsync: boolean;
  /** How long to wait for another holder to give the directory back; without it, long enough for a killed thread. */
  readonly lockPatienceMs?: number;
}

/** A batch goes to LevelDB's log first, and to a table file only when this much has come together. */
const WRITE_BUFFER_BYTES = 32 * 1024 * 1024;

/** The thread of a server that was killed may take this long to give its disk back. */
const DEFAULT_LOCK_PATIENCE_MS = 5_000;
const LOCK_RETRY_MS = 10;

export class LevelStorage implements Storage {
  readonly recovered: RecoveredState;
  readonly #level: Level;
  readonly #directory: string;
  readonly #fsync: boolean;
  #lastIndex: LogIndex;
  #writing: Promise<void> | undefined;
  #failure: StorageError | undefined;

  private constructor(level: Level, { directory, fsync }: LevelStorageOptions, recovered: RecoveredState) {
    this.#level = level;
    this.#directory = directory;
    this.#fsync = fsync;
    this.recovered = recovered;
    this.#lastIndex = recovered.entries.at(-1)?.index ?? recovered.logStart.index;
  }

  /** Opens the server's directory and reads what is in it. Rejects with {@link StorageError}. */
  static async open(options: LevelStorageOptions): Promise<LevelStorage> {
    const level = await openLevel(options);
    try {
      return new LevelStorage(level, options, await recover(level));
    } catch (error) {
      await level.close();
      throw corrupt(options.directory, error);
    }
  }

  persist(requests: readonly PersistRequest[]): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#writing !== undefined) throw new TypeError('a write is under way already');
    const batch = this.#level.batch();
    for (const { hardState, entries } of requests) {
      if (hardState !== undefined) batch.put(HARD_STATE_KEY, encodeHardState(hardState));
      this.#append(batch, entries);
    }
    const writing = batch.write({ sync: this.#fsync }).then(
      () => {
        this.#writing = undefined;
      },
      (error: unknown) => {
        this.#failure = writeFailed(this.#directory, error);
        throw this.#failure;
      },
    );
    this.#writing = writing;
    return writing;
  }

  async close(): Promise<void> {
    await this.#writing?.catch(() => undefined);
    await this.#level.close();
  }

  /** Entries on disk from the first new one on conflict with it, and go. */
  #append(batch: ReturnType<Level['batch']>, entries: readonly Entry[]): void {
    const [first] = entries;
    if (first === undefined) return;
    const newLastIndex = first.index + entries.length - 1;
    for (let index = newLastIndex + 1; index <= this.#lastIndex; index += 1) batch.del(entryKey(index));
    for (const entry of entries) batch.put(entryKey(entry.index), encodeEntry(entry));
    this.#lastIndex = newLastIndex;
  }
}

async function openLevel({
  directory,
  lockPatienceMs = DEFAULT_LOCK_PATIENCE_MS,
}: LevelStorageOptions): Promise<Level> {
  const level: Level = new ClassicLevel(directory, {
    keyEncoding: 'view',
    valueEncoding: 'view',
    compression: false,
    writeBufferSize: WRITE_BUFFER_BYTES,
    maxFileSize: WRITE_BUFFER_BYTES,
  });
  const giveUpAtMs = performance.now() + lockPatienceMs;
  while (true) {
    try {
      await level.open();
      return level;
    } catch (error) {
      const isLocked = causeOf(error)?.code === 'LEVEL_LOCKED';
      if (!isLocked) throw openFailed(directory, error);
      if (performance.now() > giveUpAtMs) throw locked(directory, error);
      await new Promise((resolve) => setTimeout(resolve, LOCK_RETRY_MS));
    }
  }
}

async function recover(level: Level): Promise<RecoveredState> {
  const value = await level.get(HARD_STATE_KEY);
  const hardState: HardState =
    value === undefined ? { currentTerm: 0, votedFor: undefined } : decodeHardState(value);
  const entries: Entry[] = [];
  for await (const [key, entry] of level.iterator({ gte: FIRST_ENTRY_KEY, lte: LAST_ENTRY_KEY })) {
    entries.push(decodeEntry(key, entry));
  }
  checkOrder(entries);
  return { hardState, snapshot: undefined, entries, logStart: LOG_ORIGIN };
}

function checkOrder(entries: readonly Entry[]): void {
  let last = LOG_ORIGIN;
  for (const entry of entries) {
    if (entry.index !== last.index + 1) throw new RangeError(`entry ${last.index + 1} is missing`);
    if (entry.term < last.term)
      throw new RangeError(`entry ${entry.index} is of an earlier term than the one before`);
    last = entry;
  }
}

interface CodedError {
  readonly code?: unknown;
  readonly message?: unknown;
}

/** LevelDB's own error, which abstract-level wraps. */
function causeOf(error: unknown): CodedError | undefined {
  return error instanceof Error && error.cause instanceof Error ? error.cause : undefined;
}

function reasonOf(error: unknown): string {
  const cause = causeOf(error);
  if (typeof cause?.message === 'string') return cause.message;
  return error instanceof Error ? error.message : String(error);
}

function locked(directory: string, cause: unknown): StorageError {
  const message = `${directory} is in use by another process: stop that one, or choose another data directory`;
  return new StorageError('DISK_LOCKED', message, { cause });
}

function openFailed(directory: string, cause: unknown): StorageError {
  const message = `${directory} cannot be opened (${reasonOf(cause)}): check that it is a writable directory`;
  return new StorageError('DISK_OPEN_FAILED', message, { cause });
}

function writeFailed(directory: string, cause: unknown): StorageError {
  const message = `${directory} cannot be written (${reasonOf(cause)}): check the disk, then restart the server`;
  return new StorageError('DISK_WRITE_FAILED', message, { cause });
}

function corrupt(directory: string, cause: unknown): StorageError {
  const message = `${directory} is corrupt (${reasonOf(cause)}): restore it from a backup`;
  return new StorageError('DISK_CORRUPT', message, { cause });
}
