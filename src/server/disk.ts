/**
 * The server's disk as its event loop sees it: one write at a time, and the next one takes what came in the
 * meantime (group commit), as far as it is not too much for one write.
 */

import type { Environment } from '../environment.js';
import { MAX_DISK_WRITE_BYTES } from '../limits.js';
import type { Entry, LogRead, PersistRequest, SnapshotRead } from '../raft/types.js';
import type { Storage } from '../storage/storage.js';
import type { ServerMetrics } from './server-metrics.js';

export interface DiskOptions {
  readonly environment: Environment;
  readonly storage: Pick<Storage, 'persist' | 'readEntries' | 'readSnapshot'>;
  readonly metrics: ServerMetrics;
  /**
   * Everything up to the request with this sequence number survives a crash. Called again with the same number, or 0, when
   * the disk has done a part of what follows: it works.
   */
  readonly onPersisted: (sequence: number) => void;
  /** These entries of the log were read. */
  readonly onEntriesRead: (readId: number, entries: readonly Entry[]) => void;
  /** These bytes of a snapshot were read; undefined if it is no longer kept. */
  readonly onSnapshotRead: (readId: number, data: Uint8Array | undefined) => void;
  /** The disk failed, or what was told of it could not be taken. Nothing more will be written. */
  readonly onFailed: (error: unknown) => void;
}

export class Disk {
  readonly #environment: Environment;
  readonly #storage: Pick<Storage, 'persist' | 'readEntries' | 'readSnapshot'>;
  readonly #metrics: ServerMetrics;
  readonly #onPersisted: DiskOptions['onPersisted'];
  readonly #onEntriesRead: DiskOptions['onEntriesRead'];
  readonly #onSnapshotRead: DiskOptions['onSnapshotRead'];
  readonly #onFailed: DiskOptions['onFailed'];
  #waiting: PersistRequest[] = [];
  /** When the write under way began, or a part of it was done last. */
  #busySinceMs: number | undefined;
  #lastSequence = 0;
  #isStopped = false;

  constructor(options: DiskOptions) {
    this.#environment = options.environment;
    this.#storage = options.storage;
    this.#metrics = options.metrics;
    this.#onPersisted = options.onPersisted;
    this.#onEntriesRead = options.onEntriesRead;
    this.#onSnapshotRead = options.onSnapshotRead;
    this.#onFailed = options.onFailed;
  }

  /** Whether a write is under way, so that whatever is added now waits for the next one. */
  get isBusy(): boolean {
    return this.#busySinceMs !== undefined;
  }

  /** Since when the disk has done nothing of the write under way, in ms of the environment's clock; undefined without one. */
  get busySinceMs(): number | undefined {
    return this.#busySinceMs;
  }

  write(requests: readonly PersistRequest[]): void {
    this.#waiting.push(...requests);
    if (!this.isBusy) this.#writeNext();
  }

  /** Reads entries of the log, beside what is written. */
  readEntries({ readId, ...wanted }: LogRead): void {
    this.#take(this.#storage.readEntries(wanted), (entries) => this.#onEntriesRead(readId, entries));
  }

  /** Reads a part of a snapshot, beside what is written. */
  readSnapshot({ readId, position, offset, maxBytes }: SnapshotRead): void {
    const reading = this.#storage.readSnapshot(position, offset, maxBytes);
    this.#take(reading, (data) => this.#onSnapshotRead(readId, data));
  }

  /** Writes nothing more but what is under way. */
  stop(): void {
    this.#isStopped = true;
  }

  #take<T>(reading: Promise<T>, take: (result: T) => void): void {
    reading
      .then((result) => {
        if (!this.#isStopped) take(result);
      })
      .catch((error: unknown) => {
        if (!this.#isStopped) this.#onFailed(error);
      });
  }

  #writeNext(): void {
    if (this.#isStopped) return;
    const requests = this.#takeRequests();
    const last = requests.at(-1);
    if (last === undefined) return;
    const sinceMs = this.#environment.nowMs();
    this.#busySinceMs = sinceMs;
    this.#storage
      .persist(requests, this.#onProgress)
      .then(() => {
        this.#busySinceMs = undefined;
        this.#lastSequence = last.sequence;
        this.#count(requests, this.#environment.nowMs() - sinceMs);
        this.#onPersisted(last.sequence);
        if (!this.isBusy) this.#writeNext();
      })
      .catch((error: unknown) => this.#onFailed(error));
  }

  /** Those of the next write: the ones that have waited longest, at least one. */
  #takeRequests(): readonly PersistRequest[] {
    const waiting = this.#waiting;
    let count = 0;
    for (let byteCount = 0; count < waiting.length && byteCount < MAX_DISK_WRITE_BYTES; count += 1)
      byteCount += bytesOf(waiting[count]);
    this.#waiting = count === waiting.length ? [] : waiting.slice(count);
    return count === waiting.length ? waiting : waiting.slice(0, count);
  }

  readonly #onProgress = (): void => {
    if (this.#isStopped || this.#busySinceMs === undefined) return;
    this.#busySinceMs = this.#environment.nowMs();
    this.#onPersisted(this.#lastSequence);
  };

  #count(requests: readonly PersistRequest[], durationMs: number): void {
    this.#metrics.diskDuration.observeMs(durationMs);
    this.#metrics.diskWrites += 1;
    for (const { entries } of requests) this.#metrics.diskEntries += entries.length;
  }
}

function bytesOf(request: PersistRequest | undefined): number {
  if (request === undefined) return 0;
  let byteCount = request.snapshotChunk?.data.byteLength ?? 0;
  for (const { payload } of request.entries) byteCount += payload.byteLength;
  return byteCount;
}
