/**
 * What a server keeps: its log and hard state in segments, its snapshots in files, and in LevelDB which of those files
 * count and whose they are.
 */

import { access, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { ClassicLevel } from 'classic-level';
import { LOG_ORIGIN } from '../raft/log.js';
import type {
  Entry,
  LogPosition,
  PersistRequest,
  RecoveredState,
  SnapshotChunk,
  SnapshotMeta,
} from '../raft/types.js';
import type { Files } from './files.js';
import { checkLevelLogs } from './level-log-check.js';
import type { PartialFile } from './partial-file.js';
import {
  decodeLogStart,
  decodeNewestSegment,
  decodeOwner,
  decodeSnapshotMeta,
  encodeLogStart,
  encodeNewestSegment,
  encodeOwner,
  encodeSnapshotMeta,
  LOG_START_KEY,
  type LogStart,
  NEWEST_SEGMENT_KEY,
  OWNER_KEY,
  type Owner,
  SNAPSHOT_KEY,
} from './records.js';
import type { NewestSegment } from './segment-files.js';
import { SegmentLog } from './segment-log.js';
import { beginServerDirectory, isNewServerDirectory } from './server-directory.js';
import { SnapshotFiles } from './snapshot-files.js';
import { type SnapshotSink, type Storage, StorageError } from './storage.js';

type Level = ClassicLevel<Uint8Array, Uint8Array>;

const STATE_DIRECTORY = 'state';
const LOG_DIRECTORY = 'log';
const SNAPSHOT_DIRECTORY = 'snapshots';

export interface DiskStorageOptions {
  readonly files: Files;
  /** The server's own directory, made by makeServerDirectory. */
  readonly directory: string;
  readonly owner: Owner;
  /** Whether a write counts only once it is on the disk, or already when the operating system has it. */
  readonly fsync: boolean;
  /** How long to wait for another holder to give the directory back; without it, long enough for a killed thread. */
  readonly lockPatienceMs?: number;
  /** Length of the log's segments, a multiple of 512. */
  readonly segmentBytes?: number;
}

const FIRST_SEGMENT = { number: 1, sequence: 1 };

/** The thread of a server that was killed may take this long to give its disk back. */
const DEFAULT_LOCK_PATIENCE_MS = 5_000;
const LOCK_RETRY_MS = 10;

export class DiskStorage implements Storage {
  readonly recovered: RecoveredState;
  readonly #level: Level;
  readonly #log: SegmentLog;
  readonly #snapshots: SnapshotFiles;
  readonly #directory: string;
  readonly #owner: Owner;
  readonly #fsync: boolean;
  #logStart: LogPosition;
  #writing: Promise<void> | undefined;
  #isClosed = false;
  /** Changes of the newest snapshot come one after the other, and so does the removal of what they make superfluous. */
  #replacing: Promise<unknown> = Promise.resolve();
  #clearing: Promise<void> = Promise.resolve();
  #failure: StorageError | undefined;

  private constructor(
    { directory, owner, fsync }: DiskStorageOptions,
    { level, log, snapshots }: { level: Level; log: SegmentLog; snapshots: SnapshotFiles },
    recovered: RecoveredState,
  ) {
    this.#level = level;
    this.#log = log;
    this.#snapshots = snapshots;
    this.#directory = directory;
    this.#owner = owner;
    this.#fsync = fsync;
    this.recovered = recovered;
    this.#logStart = recovered.logStart;
  }

  /** Opens the server's directory and reads what is in it. Rejects with {@link StorageError}. */
  static async open(options: DiskStorageOptions): Promise<DiskStorage> {
    const { files, directory, fsync, owner } = options;
    const isNew = await isNewServerDirectory(directory);
    const level = await openChecked(options, { isNew });
    try {
      if (isNew) await takePossession(level, options);
      else checkOwner(directory, await level.get(OWNER_KEY), owner);
      const { logStart, isBegun, newestSegment, snapshot } = await readState(level);
      const snapshotDirectory = join(directory, SNAPSHOT_DIRECTORY);
      const snapshots = await SnapshotFiles.open(snapshotDirectory, { files, fsync, newest: snapshot });
      const { log, recovered } = await SegmentLog.open({
        ...options,
        directory: join(directory, LOG_DIRECTORY),
        logNumber: crc32(`${owner.clusterId} ${owner.serverId}`),
        range: { first: logStart.first, newest: newestSegment },
        isBegun,
        logStart,
        reaches: snapshot?.index ?? 0,
        onNewest: (newest) => level.put(NEWEST_SEGMENT_KEY, encodeNewestSegment(newest), { sync: fsync }),
      });
      if (!isBegun) await level.put(LOG_START_KEY, encodeLogStart(logStart), { sync: fsync });
      const state = { ...recovered, snapshot, logStart: positionOf(logStart) };
      return new DiskStorage(options, { level, log, snapshots }, state);
    } catch (error) {
      await level.close();
      if (error instanceof StorageError) throw error;
      throw isSystemError(error) ? openFailed(directory, error) : corrupt(directory, owner, error);
    }
  }

  persist(requests: readonly PersistRequest[]): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#isClosed) throw new TypeError('nothing is written once it is closed');
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
    this.#isClosed = true;
    await this.#writing?.catch(() => undefined);
    await this.#replacing;
    await this.#clearing;
    await this.#snapshots.close();
    await this.#log.close();
    await this.#level.close();
  }

  async #write(requests: readonly PersistRequest[]): Promise<void> {
    const hardState = requests.findLast((request) => request.hardState !== undefined)?.hardState;
    const entries = entriesOf(requests);
    if (hardState !== undefined || entries.length > 0) await this.#log.append({ hardState, entries });
  }

  /** Chunks go to a file in their order; with the last one the database refers to it. */
  async #writeWithChunks(requests: readonly PersistRequest[]): Promise<void> {
    let before: PersistRequest[] = [];
    for (const request of requests) {
      before.push(request);
      const { snapshotChunk } = request;
      if (snapshotChunk === undefined) continue;
      await this.#snapshots.receive(snapshotChunk.offset, snapshotChunk.data);
      if (!snapshotChunk.last) continue;
      await this.#write(before);
      before = [];
      await this.#exclusively(() => this.#install(snapshotChunk));
    }
    await this.#write(before);
  }

  /** Makes the received snapshot the newest. */
  async #install({ snapshot, keepsLog }: SnapshotChunk): Promise<void> {
    await this.#snapshots.publishReceived(snapshot);
    const first = keepsLog ? this.#log.firstBehind(snapshot.index) : await this.#log.begin();
    await this.#replaceNewest(snapshot, { ...positionOf(snapshot), first });
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
    // A snapshot that was installed meanwhile may have moved the start further.
    const start = logStart.index > this.#logStart.index ? positionOf(logStart) : this.#logStart;
    await this.#replaceNewest(snapshot, { ...start, first: this.#log.firstBehind(start.index) });
    return snapshot;
  }

  async #replaceNewest(snapshot: SnapshotMeta, logStart: LogStart): Promise<void> {
    const batch = this.#level.batch();
    batch.put(SNAPSHOT_KEY, encodeSnapshotMeta(snapshot));
    batch.put(LOG_START_KEY, encodeLogStart(logStart));
    await batch.write({ sync: this.#fsync });
    this.#logStart = positionOf(logStart);
    await this.#snapshots.accept(snapshot);
    // What this leaves behind at a crash goes the next time.
    this.#clearing = this.#clearing
      .then(() => this.#log.dropBefore(logStart.first))
      .catch((error: unknown) => {
        this.#failure ??= writeFailed(this.#directory, error);
      });
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
async function openChecked(options: DiskStorageOptions, { isNew }: { isNew: boolean }): Promise<Level> {
  const { directory, owner } = options;
  const isDirectory = await stat(directory).then(
    (found) => found.isDirectory(),
    () => undefined,
  );
  if (isDirectory === false) throw openFailed(directory, new Error('not a directory'));
  if (isNew) return openLevel(options);
  const state = join(directory, STATE_DIRECTORY);
  const isThere = await access(join(state, 'CURRENT')).then(
    () => true,
    () => false,
  );
  if (!isThere) throw missing(directory, owner);
  await checkLevelLogs(state).catch((error: unknown) => {
    throw corrupt(directory, owner, error);
  });
  return openLevel(options);
}

/** The first record: from now on an empty directory is a lost one. */
async function takePossession(level: Level, { directory, owner }: DiskStorageOptions): Promise<void> {
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
}: DiskStorageOptions): Promise<Level> {
  const level: Level = new ClassicLevel(join(directory, STATE_DIRECTORY), {
    keyEncoding: 'view',
    valueEncoding: 'view',
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

interface State {
  readonly snapshot: SnapshotMeta | undefined;
  readonly logStart: LogStart;
  /** Whether the log's start is written down: it is from the end of the first opening on. */
  readonly isBegun: boolean;
  readonly newestSegment: NewestSegment | undefined;
}

async function readState(level: Level): Promise<State> {
  const [snapshotValue, logStartValue, newestValue] = await level.getMany([
    SNAPSHOT_KEY,
    LOG_START_KEY,
    NEWEST_SEGMENT_KEY,
  ]);
  const snapshot = snapshotValue === undefined ? undefined : decodeSnapshotMeta(snapshotValue);
  const logStart =
    logStartValue === undefined ? { ...LOG_ORIGIN, first: FIRST_SEGMENT } : decodeLogStart(logStartValue);
  const newestSegment = newestValue === undefined ? undefined : decodeNewestSegment(newestValue);
  return { snapshot, logStart, isBegun: logStartValue !== undefined, newestSegment };
}

function entriesOf(requests: readonly PersistRequest[]): readonly Entry[] {
  const [only, ...others] = requests;
  return only === undefined || others.length === 0
    ? (only?.entries ?? [])
    : requests.flatMap(({ entries }) => entries);
}

function positionOf({ index, term }: LogPosition): LogPosition {
  return { index, term };
}

interface CodedError {
  readonly code?: unknown;
  readonly message?: unknown;
}

/** LevelDB's own error, which abstract-level wraps. */
function causeOf(error: unknown): CodedError | undefined {
  return error instanceof Error && error.cause instanceof Error ? error.cause : undefined;
}

/** The operating system refused something: what is on the disk may be well. */
function isSystemError(error: unknown): boolean {
  return (
    error instanceof Error && ('syscall' in error || ('code' in error && error.code === 'LEVEL_IO_ERROR'))
  );
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
