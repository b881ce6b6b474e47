/**
 * What a server keeps: its log and hard state in segments, its snapshots in files, and in a manifest which of those files
 * count and whose they are.
 */

import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type {
  Entry,
  LogPosition,
  LogRead,
  PersistRequest,
  RecoveredState,
  SnapshotChunk,
  SnapshotMeta,
} from '../raft/types.js';
import type { Files } from './files.js';
import { OtherFormatError } from './manifest.js';
import type { PartialFile } from './partial-file.js';
import { SegmentLog } from './segment-log.js';
import { type LogStart, type Owner, ServerManifest } from './server-manifest.js';
import { type Backoff, isShortage, ShortageRetries } from './shortage-retries.js';
import { SnapshotFiles } from './snapshot-files.js';
import { type SnapshotPosition, type SnapshotSink, type Storage, StorageError } from './storage.js';
import {
  corrupt,
  foreign,
  missing,
  openFailed,
  otherFormat,
  readFailed,
  writeFailed,
} from './storage-errors.js';
import { systemCodeOf } from './system-errors.js';

const LOG_DIRECTORY = 'log';
const SNAPSHOT_DIRECTORY = 'snapshots';
/** Where format 2 had what the manifest holds. */
const LEVELDB_DIRECTORY = 'state';

export interface DiskStorageOptions {
  readonly files: Files;
  /** The server's own directory, made by makeServerDirectory. Nobody else has it open. */
  readonly directory: string;
  readonly owner: Owner;
  /** Whether a write counts only once it is on the disk, or already when the operating system has it. */
  readonly fsync: boolean;
  /** Length of the log's segments, a multiple of 512. */
  readonly segmentBytes?: number;
}

export class DiskStorage implements Storage {
  #recovered: RecoveredState | undefined;
  readonly #manifest: ServerManifest;
  readonly #log: SegmentLog;
  readonly #snapshots: SnapshotFiles;
  readonly #directory: string;
  readonly #fsync: boolean;
  readonly #retries: ShortageRetries;
  #logStart: LogPosition;
  #writing: Promise<void> | undefined;
  /** Reads of the log that are under way. */
  readonly #reading = new Set<Promise<unknown>>();
  #isClosed = false;
  /** Changes of the newest snapshot are made one after the other, and so are the removals that follow from them. */
  #replacing: Promise<unknown> = Promise.resolve();
  #clearing: Promise<void> = Promise.resolve();
  #failure: StorageError | undefined;

  private constructor(
    { directory, fsync }: DiskStorageOptions,
    { manifest, log, snapshots, retries }: Opened,
    recovered: RecoveredState,
  ) {
    this.#manifest = manifest;
    this.#log = log;
    this.#snapshots = snapshots;
    this.#directory = directory;
    this.#fsync = fsync;
    this.#retries = retries;
    this.#recovered = recovered;
    this.#logStart = recovered.logStart;
  }

  /** Opens the server's directory and reads what is in it. Rejects with {@link StorageError}. */
  static async open(options: DiskStorageOptions): Promise<DiskStorage> {
    try {
      return await DiskStorage.#open(options);
    } catch (error) {
      throw refusalOf(options, error);
    }
  }

  static async #open(options: DiskStorageOptions): Promise<DiskStorage> {
    const { files, directory, fsync, owner } = options;
    const manifest = await openManifest(options);
    const logDirectory = join(directory, LOG_DIRECTORY);
    const snapshotDirectory = join(directory, SNAPSHOT_DIRECTORY);
    if (!manifest.state.isBegun) {
      // Nothing in them counts yet. They are made anew, since a sync of their names may have failed.
      await files.removeTree(logDirectory);
      await files.removeTree(snapshotDirectory);
    }
    await files.makeDirectory(logDirectory);
    await files.makeDirectory(snapshotDirectory);
    // What was read may be forgotten yet: the process may have ended before the sync, or the sync have failed, and then
    // another one does not bring it back. What is removed and written below relies on it.
    await manifest.update(manifest.state.isBegun ? {} : { newestSegment: undefined }, { fsync });
    const { isBegun, logStart, newestSegment, logTail, snapshot } = manifest.state;
    const retries = new ShortageRetries();
    const snapshots = await SnapshotFiles.open(snapshotDirectory, {
      files,
      fsync,
      newest: snapshot,
      retries,
    });
    const { log, recovered } = await SegmentLog.open({
      ...options,
      retries,
      directory: logDirectory,
      logNumber: crc32(`${owner.clusterId} ${owner.serverId}`),
      range: { first: logStart.first, newest: newestSegment },
      isBegun,
      logStart,
      reaches: snapshot?.index ?? 0,
      tail: logTail,
      onTail: (tail) => manifest.update({ logTail: tail }, { fsync }),
      onNewest: (newest) => manifest.update({ newestSegment: newest }, { fsync }),
    });
    try {
      // Synced whatever `fsync` says: a server that forgot that it has begun could vote twice in a term.
      if (!isBegun) await manifest.update({ isBegun: true }, { fsync: true });
    } catch (error) {
      await log.close();
      throw error;
    }
    const state = { ...recovered, snapshot, logStart: positionOf(logStart) };
    return new DiskStorage(options, { manifest, log, snapshots, retries }, state);
  }

  get recovered(): RecoveredState {
    if (this.#recovered === undefined) throw new TypeError('what was recovered is forgotten');
    return this.#recovered;
  }

  forgetRecovered(): void {
    this.#recovered = undefined;
  }

  retryWith(backoff: Backoff): void {
    this.#retries.retryWith(backoff);
  }

  persist(requests: readonly PersistRequest[], onProgress?: () => void): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#isClosed) throw new TypeError('nothing is written once it is closed');
    if (this.#writing !== undefined) throw new TypeError('a write is under way already');
    this.#log.onProgress = onProgress;
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

  readEntries(wanted: Omit<LogRead, 'readId'>): Promise<readonly Entry[]> {
    return this.#read(() => this.#log.read(wanted));
  }

  async createSnapshot(): Promise<SnapshotSink> {
    const file = await this.#snapshots.create().catch((error: unknown) => this.#failUnlessShortage(error));
    return {
      write: (bytes) => file.write(bytes).catch((error: unknown) => this.#failUnlessShortage(error)),
      commit: (position, logStart) =>
        this.#exclusively(() => this.#commit(file, position, logStart)).catch((error: unknown) => {
          if (error instanceof StorageError) throw error;
          return this.#fail(error);
        }),
      discard: () => file.discard(),
    };
  }

  readSnapshot(position: LogPosition, offset: number, maxBytes: number): Promise<Uint8Array | undefined> {
    return this.#read(() => this.#snapshots.read(position, offset, maxBytes));
  }

  async *snapshotImage(): AsyncGenerator<Uint8Array> {
    try {
      yield* this.#snapshots.image();
    } catch (error) {
      if (systemCodeOf(error) !== undefined) throw readFailed(this.#directory, error);
      throw corrupt(this.#directory, error);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#writing?.catch(() => undefined);
    await Promise.allSettled(this.#reading);
    await this.#replacing;
    await this.#clearing;
    await this.#snapshots.close();
    await this.#log.close();
  }

  async #read<T>(read: () => Promise<T>): Promise<T> {
    const reading = this.#retries.retry(read);
    this.#reading.add(reading);
    try {
      return await reading;
    } catch (error) {
      if (systemCodeOf(error) !== undefined) throw readFailed(this.#directory, error);
      throw corrupt(this.#directory, error);
    } finally {
      this.#reading.delete(reading);
    }
  }

  async #write(requests: readonly PersistRequest[]): Promise<void> {
    const hardState = requests.findLast((request) => request.hardState !== undefined)?.hardState;
    const entries = entriesOf(requests);
    if (hardState !== undefined || entries.length > 0) await this.#log.append({ hardState, entries });
  }

  /** Chunks go to a file in their order; with the last one the manifest refers to it. */
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
    const first = keepsLog ? this.#log.firstAfter(snapshot.index) : await this.#log.begin();
    await this.#replaceNewest(snapshot, { ...positionOf(snapshot), first });
  }

  async #commit(
    file: PartialFile,
    position: SnapshotPosition,
    logStart: LogPosition,
  ): Promise<SnapshotMeta | undefined> {
    if (this.#isClosed || position.index <= (this.#snapshots.newest?.index ?? 0)) {
      await file.discard();
      return undefined;
    }
    const snapshot = { ...position, byteLength: file.byteLength };
    await this.#snapshots.publish(file, position).catch((error: unknown) => this.#failUnlessShortage(error));
    // A snapshot that was installed meanwhile may have moved the start further.
    const start = logStart.index > this.#logStart.index ? positionOf(logStart) : this.#logStart;
    await this.#replaceNewest(snapshot, { ...start, first: this.#log.firstAfter(start.index) });
    return snapshot;
  }

  async #replaceNewest(snapshot: SnapshotMeta, logStart: LogStart): Promise<void> {
    const fsync = this.#fsync;
    // A try that failed for a shortage may have replaced the manifest all the same: the files that it names stay.
    await this.#retries.retry(() => this.#manifest.update({ snapshot, logStart }, { fsync }));
    this.#logStart = positionOf(logStart);
    await this.#snapshots.accept(snapshot);
    // What a crash leaves of the old log is removed at the next start.
    this.#clearing = this.#clearing
      .then(() => this.#log.dropBefore(logStart.first))
      .catch((error: unknown) => {
        if (isShortage(error)) return;
        this.#failure ??= writeFailed(this.#directory, error);
      });
  }

  #exclusively<T>(action: () => Promise<T>): Promise<T> {
    const done = this.#replacing.then(action);
    this.#replacing = done.catch(() => undefined);
    return done;
  }

  /** An attempt that failed for a shortage has changed nothing. */
  #failUnlessShortage(error: unknown): never {
    if (isShortage(error)) throw writeFailed(this.#directory, error);
    this.#fail(error);
  }

  #fail(error: unknown): never {
    this.#failure ??= writeFailed(this.#directory, error);
    throw this.#failure;
  }
}

interface Opened {
  readonly manifest: ServerManifest;
  readonly log: SegmentLog;
  readonly snapshots: SnapshotFiles;
  readonly retries: ShortageRetries;
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

/** Rejects with {@link StorageError} unless the directory is this server's, and for this version of the program. */
async function openManifest({ files, directory, owner }: DiskStorageOptions): Promise<ServerManifest> {
  const manifest = await ServerManifest.open(files, directory);
  if (manifest === undefined) {
    const names = await files.list(directory).catch((): readonly string[] => []);
    throw names.includes(LEVELDB_DIRECTORY) ? new OtherFormatError(2) : missing(directory);
  }
  const { clusterId, serverId } = manifest.owner;
  if (clusterId !== owner.clusterId || serverId !== owner.serverId)
    throw foreign(directory, { found: manifest.owner, owner });
  return manifest;
}

/** The error that tells the user what is wrong with a directory that could not be opened. */
function refusalOf({ directory }: DiskStorageOptions, error: unknown): StorageError {
  if (error instanceof StorageError) return error;
  if (error instanceof OtherFormatError) return otherFormat(directory, error);
  return systemCodeOf(error) === undefined ? corrupt(directory, error) : openFailed(directory, error);
}
