/**
 * The server's disk as its event loop sees it: one write at a time, and the next one takes all that came in the
 * meantime (group commit).
 */

import type { Environment } from '../environment.js';
import type { Entry, LogRead, PersistRequest } from '../raft/types.js';
import type { Storage } from '../storage/storage.js';
import type { ServerMetrics } from './server-metrics.js';

export interface DiskOptions {
  readonly environment: Environment;
  readonly storage: Pick<Storage, 'persist' | 'readEntries'>;
  readonly metrics: ServerMetrics;
  /** Everything up to the request with this sequence number survives a crash. */
  readonly onPersisted: (sequence: number) => void;
  /** These entries of the log were read. */
  readonly onRead: (readId: number, entries: readonly Entry[]) => void;
  /** The disk failed. Nothing more will be written. */
  readonly onFailed: (error: unknown) => void;
}

export class Disk {
  readonly #environment: Environment;
  readonly #storage: Pick<Storage, 'persist' | 'readEntries'>;
  readonly #metrics: ServerMetrics;
  readonly #onPersisted: DiskOptions['onPersisted'];
  readonly #onRead: DiskOptions['onRead'];
  readonly #onFailed: DiskOptions['onFailed'];
  #waiting: PersistRequest[] = [];
  #busySinceMs: number | undefined;
  #isStopped = false;

  constructor({ environment, storage, metrics, onPersisted, onRead, onFailed }: DiskOptions) {
    this.#environment = environment;
    this.#storage = storage;
    this.#metrics = metrics;
    this.#onPersisted = onPersisted;
    this.#onRead = onRead;
    this.#onFailed = onFailed;
  }

  /** Whether a write is under way, so that whatever is added now waits for the next one. */
  get isBusy(): boolean {
    return this.#busySinceMs !== undefined;
  }

  /** Since when the write is under way, in ms of the environment's clock; undefined without a write. */
  get busySinceMs(): number | undefined {
    return this.#busySinceMs;
  }

  write(requests: readonly PersistRequest[]): void {
    this.#waiting.push(...requests);
    if (!this.isBusy) this.#writeNext();
  }

  /** Reads entries of the log, beside what is written. */
  read(reads: readonly LogRead[]): void {
    for (const { readId, ...wanted } of reads) {
      this.#storage.readEntries(wanted).then(
        (entries) => {
          if (!this.#isStopped) this.#onRead(readId, entries);
        },
        (error: unknown) => {
          if (!this.#isStopped) this.#onFailed(error);
        },
      );
    }
  }

  /** Writes nothing more but what is under way. */
  stop(): void {
    this.#isStopped = true;
  }

  #writeNext(): void {
    if (this.#isStopped) return;
    const requests = this.#waiting;
    const last = requests.at(-1);
    if (last === undefined) return;
    this.#waiting = [];
    const sinceMs = this.#environment.nowMs();
    this.#busySinceMs = sinceMs;
    this.#storage.persist(requests).then(
      () => {
        this.#busySinceMs = undefined;
        this.#count(requests, this.#environment.nowMs() - sinceMs);
        this.#onPersisted(last.sequence);
        if (!this.isBusy) this.#writeNext();
      },
      (error: unknown) => this.#onFailed(error),
    );
  }

  #count(requests: readonly PersistRequest[], durationMs: number): void {
    this.#metrics.diskDuration.observeMs(durationMs);
    this.#metrics.diskWrites += 1;
    for (const { entries } of requests) this.#metrics.diskEntries += entries.length;
  }
}
