/**
 * A server's log and hard state in LevelDB, and its snapshots in files beside it.
 *
 * LevelDB brings what a log on disk needs: batches that are atomic, checksums, and recovery that drops a batch which a
 * crash tore. One group commit is one batch, and one entry, which holds many clients' commands, is one value.
 */

import { access, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { LOG_ORIGIN } from '../raft/log.js';
import type {
  Entry,
  HardState,
  LogIndex,
  LogPosition,
  PersistRequest,
  RecoveredState,
  SnapshotChunk,
  SnapshotMeta,
} from '../raft/types.js';
import { checkLevelLogs } from './level-log-check.js';
import {
  decodeEntry,
  decodeHardState,
  decodeLogStart,
  decodeOwner,
  decodeSnapshotMeta,
  encodeEntry,
  encodeHardState,
  encodeLogStart,
  encodeOwner,
  encodeSnapshotMeta,
  entryKey,
  FIRST_ENTRY_KEY,
  HARD_STATE_KEY,
  LAST_ENTRY_KEY,
  LOG_START_KEY,
  OWNER_KEY,
  type Owner,
  SNAPSHOT_KEY,
} from './records.js';
import { beginServerDirectory, isNewServerDirectory } from './server-directory.js';
import { type PartialFile, SnapshotFiles } from './snapshot-files.js';
import { type SnapshotSink, type Storage, StorageError } from './storage.js';

type Level = ClassicLevel<Uint8Array, Uint8Array>;
type Batch = ReturnType<Level['batch']>;

const LOG_DIRECTORY = 'log';
const SNAPSHOT_DIRECTORY = 'snapshots';

export interface LevelStorageOptions {
  /** The server's own directory, made by makeServerDirectory. */
  readonly directory: string;
  readonly owner: Owner;
  /** Whether a write counts only once it is on the disk, or already when the operating system has it. */
  readonly fsync: boolean;
  /** How long to wait for another holder to give the directory back; without it, long enough for a killed thread. */
  readonly lockPatienceMs?: number;
}

/**
 * A batch goes to LevelDB's log first, and to a table file only when this much has come together. While such a file is
 * synced, syncs of the log wait: 32 MiB at once held up one request in a hundred for 20 ms, and 4 MiB gain nothing more.
 */
const WRITE_BUFFER_BYTES = 8 * 1024 * 1024;

/** The thread of a server that was killed may take this long to give its disk back. */
const DEFAULT_LOCK_PATIENCE_MS = 5_000;
const LOCK_RETRY_MS = 10;

export class LevelStorage implements Storage {
  readonly recovered: RecoveredState;
  readonly #level: Level;
  readonly #snapshots: SnapshotFiles;
  readonly #directory: string;
  readonly #owner: Owner;
  readonly #fsync: boolean;
  #lastIndex: LogIndex;
  #writing: Promise<void> | undefined;
  /** Changes of the newest snapshot come one after the other, and so does the removal of what they make superfluous. */
  #replacing: Promise<unknown> = Promise.resolve();
  #clearing: Promise<void> = Promise.resolve();
  #failure: StorageError | undefined;

  private constructor(
    { directory, owner, fsync }: LevelStorageOptions,
    level: Level,
    snapshots: SnapshotFiles,
    recovered: RecoveredState,
  ) {
    this.#level = level;
    this.#snapshots = snapshots;
    this.#directory = directory;
    this.#owner = owner;
    this.#fsync = fsync;
    this.recovered = recovered;
    this.#lastIndex = recovered.entries.at(-1)?.index ?? recovered.logStart.index;
  }

  /** Opens the server's directory and reads what is in it. Rejects with {@link StorageError}. */
  static async open(options: LevelStorageOptions): Promise<LevelStorage> {
    const { directory, fsync, owner } = options;
    const isNew = await isNewServerDirectory(directory);
    const level = await openChecked(options, { isNew });
    try {
      if (isNew) await takePossession(level, options);
      else checkOwner(directory, await level.get(OWNER_KEY), owner);
      const recovered = await recover(level);
      const newest = recovered.snapshot;
      const snapshots = await SnapshotFiles.open(join(directory, SNAPSHOT_DIRECTORY), { fsync, newest });
      return new LevelStorage(options, level, snapshots, recovered);
    } catch (error) {
      await level.close();
      throw error instanceof StorageError ? error : corrupt(directory, owner, error);
    }
  }

  persist(requests: readonly PersistRequest[]): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#writing !== undefined) throw new TypeError('a write is under way already');
    const hasChunks = requests.some(({ snapshotChunk }) => snapshotChunk !== undefined);
    const writing = (hasChunks ? this.#writeWithChunks(requests) : this.#write(requests)).then(
      () => {
        this.#writing = undefined;
      },
      (error: unknown) => this.#fail(error),
    );
    this.#writing = writing;
    return writing;
  }

  async createSnapshot(): Promise<SnapshotSink> {
    const file = await this.#snapshots.create().catch((error: unknown) => this.#fail(error));
    return {
      write: (bytes) => file.write(bytes).catch((error: unknown) => this.#fail(error)),
      commit: (position, logStart) =>
        this.#exclusively(() => this.#commit(file, position, logStart)).catch((error: unknown) =>
          this.#fail(error),
        ),
      discard: () => file.discard(),
    };
  }

  readSnapshot(position: LogPosition, offset: number, maxBytes: number): Uint8Array | undefined {
    try {
      return this.#snapshots.read(position, offset, maxBytes);
    } catch (error) {
      throw readFailed(this.#directory, error);
    }
  }

  async *snapshotImage(): AsyncGenerator<Uint8Array> {
    try {
      yield* this.#snapshots.image();
    } catch (error) {
      throw corrupt(this.#directory, this.#owner, error);
    }
  }

  async close(): Promise<void> {
    await this.#writing?.catch(() => undefined);
    await this.#replacing;
    await this.#clearing;
    await this.#snapshots.close();
    await this.#level.close();
  }

  #write(requests: readonly PersistRequest[]): Promise<void> {
    const batch = this.#level.batch();
    for (const request of requests) this.#add(batch, request);
    return batch.write({ sync: this.#fsync });
  }

  /** Chunks go to a file in their order; with the last one the database refers to it. */
  async #writeWithChunks(requests: readonly PersistRequest[]): Promise<void> {
    let batch = this.#level.batch();
    for (const request of requests) {
      this.#add(batch, request);
      const { snapshotChunk } = request;
      if (snapshotChunk === undefined) continue;
      await this.#snapshots.receive(snapshotChunk.offset, snapshotChunk.data);
      if (!snapshotChunk.last) continue;
      const before = batch;
      await this.#exclusively(() => this.#install(before, snapshotChunk));
      batch = this.#level.batch();
    }
    await batch.write({ sync: this.#fsync });
  }

  #add(batch: Batch, { hardState, entries }: PersistRequest): void {
    if (hardState !== undefined) batch.put(HARD_STATE_KEY, encodeHardState(hardState));
    const [first] = entries;
    if (first === undefined) return;
    // Entries on disk from the first new one on conflict with it, and go.
    const newLastIndex = first.index + entries.length - 1;
    this.#deleteBetween(batch, newLastIndex + 1, this.#lastIndex);
    for (const entry of entries) batch.put(entryKey(entry.index), encodeEntry(entry));
    this.#lastIndex = newLastIndex;
  }

  /** Makes the received snapshot the newest, along with what is in the batch. */
  async #install(batch: Batch, { snapshot, keepsLog }: SnapshotChunk): Promise<void> {
    await this.#snapshots.publishReceived(snapshot);
    if (!keepsLog) {
      this.#deleteBetween(batch, snapshot.index + 1, this.#lastIndex);
      this.#lastIndex = snapshot.index;
    }
    this.#lastIndex = Math.max(this.#lastIndex, snapshot.index);
    await this.#replaceNewest(batch, snapshot, snapshot);
  }

  async #commit(
    file: PartialFile,
    position: LogPosition,
    logStart: LogPosition,
  ): Promise<SnapshotMeta | undefined> {
    if (position.index <= (this.#snapshots.newest?.index ?? 0)) {
      await file.discard();
      return undefined;
    }
    const snapshot = { ...position, byteLength: file.byteLength };
    await this.#snapshots.publish(file, position);
    await this.#replaceNewest(this.#level.batch(), snapshot, logStart);
    return snapshot;
  }

  async #replaceNewest(batch: Batch, snapshot: SnapshotMeta, logStart: LogPosition): Promise<void> {
    batch.put(SNAPSHOT_KEY, encodeSnapshotMeta(snapshot));
    batch.put(LOG_START_KEY, encodeLogStart(logStart));
    await batch.write({ sync: this.#fsync });
    await this.#snapshots.accept(snapshot);
    // What this leaves behind at a crash goes the next time.
    const range = { gte: FIRST_ENTRY_KEY, lte: entryKey(logStart.index) };
    this.#clearing = this.#clearing
      .then(() => this.#level.clear(range))
      .catch((error: unknown) => {
        this.#failure ??= writeFailed(this.#directory, error);
      });
  }

  #deleteBetween(batch: Batch, from: LogIndex, to: LogIndex): void {
    for (let index = from; index <= to; index += 1) batch.del(entryKey(index));
  }

  #exclusively<T>(action: () => Promise<T>): Promise<T> {
    const done = this.#replacing.then(action);
    this.#replacing = done.catch(() => undefined);
    return done;
  }

  #fail(error: unknown): never {
    this.#failure ??= writeFailed(this.#directory, error);
    throw this.#failure;
  }
}

/** Opens the database, after a look at what LevelDB would not mind. Rejects with {@link StorageError}. */
async function openChecked(options: LevelStorageOptions, { isNew }: { isNew: boolean }): Promise<Level> {
  const { directory, owner } = options;
  const isDirectory = await stat(directory).then(
    (found) => found.isDirectory(),
    () => undefined,
  );
  if (isDirectory === false) throw openFailed(directory, new Error('not a directory'));
  if (isNew) return openLevel(options);
  const log = join(directory, LOG_DIRECTORY);
  const isThere = await access(join(log, 'CURRENT')).then(
    () => true,
    () => false,
  );
  if (!isThere) throw missing(directory, owner);
  await checkLevelLogs(log).catch((error: unknown) => {
    throw corrupt(directory, owner, error);
  });
  return openLevel(options);
}

/** The first record: from now on an empty directory is a lost one. */
async function takePossession(level: Level, { directory, owner }: LevelStorageOptions): Promise<void> {
  await level.put(OWNER_KEY, encodeOwner(owner), { sync: true });
  await beginServerDirectory(directory);
}

/** Throws {@link StorageError} when the directory is another server's. */
function checkOwner(directory: string, value: Uint8Array | undefined, { clusterId, serverId }: Owner): void {
  if (value === undefined) throw new RangeError('it does not say whose it is');
  const found = decodeOwner(value);
  if (found.clusterId === clusterId && found.serverId === serverId) return;
  const whose = found.clusterId === clusterId ? 'this' : 'another';
  const message = `${directory} belongs to server ${found.serverId} of ${whose} cluster: put each server's directory back in its place`;
  throw new StorageError('DISK_FOREIGN', message);
}

async function openLevel({
  directory,
  lockPatienceMs = DEFAULT_LOCK_PATIENCE_MS,
}: LevelStorageOptions): Promise<Level> {
  const level: Level = new ClassicLevel(join(directory, LOG_DIRECTORY), {
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
  const [hardStateValue, snapshotValue, logStartValue] = await level.getMany([
    HARD_STATE_KEY,
    SNAPSHOT_KEY,
    LOG_START_KEY,
  ]);
  const hardState: HardState =
    hardStateValue === undefined ? { currentTerm: 0, votedFor: undefined } : decodeHardState(hardStateValue);
  const snapshot = snapshotValue === undefined ? undefined : decodeSnapshotMeta(snapshotValue);
  const logStart = logStartValue === undefined ? LOG_ORIGIN : decodeLogStart(logStartValue);
  const entries: Entry[] = [];
  for await (const [key, entry] of level.iterator({ gt: entryKey(logStart.index), lte: LAST_ENTRY_KEY })) {
    entries.push(decodeEntry(key, entry));
  }
  checkOrder(logStart, entries);
  if (snapshot !== undefined && logStart.index + entries.length < snapshot.index)
    throw new RangeError(`entry ${logStart.index + entries.length + 1} is missing`);
  return { hardState, snapshot, entries, logStart };
}

function checkOrder(logStart: LogPosition, entries: readonly Entry[]): void {
  let last = logStart;
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

function missing(directory: string, { serverId }: Owner): StorageError {
  const message = `${directory} has lost its data: bring it back, or stop the cluster and run "threadraft rebuild ${serverId}"`;
  return new StorageError('DISK_MISSING', message);
}

function openFailed(directory: string, cause: unknown): StorageError {
  const message = `${directory} cannot be opened (${reasonOf(cause)}): check that it is a writable directory`;
  return new StorageError('DISK_OPEN_FAILED', message, { cause });
}

function writeFailed(directory: string, cause: unknown): StorageError {
  const message = `${directory} cannot be written (${reasonOf(cause)}): check the disk, then restart the server`;
  return new StorageError('DISK_WRITE_FAILED', message, { cause });
}

function readFailed(directory: string, cause: unknown): StorageError {
  const message = `${directory} cannot be read (${reasonOf(cause)}): check the disk, then restart the server`;
  return new StorageError('DISK_READ_FAILED', message, { cause });
}

function corrupt(directory: string, { serverId }: Owner, cause: unknown): StorageError {
  const message = `${directory} is corrupt (${reasonOf(cause)}): bring back a copy of it, or stop the cluster and run "threadraft rebuild ${serverId}"`;
  return new StorageError('DISK_CORRUPT', message, { cause });
}
