/**
 * The server's disk as its event loop sees it: one write at a time, and the next one takes all that came in the
 * meantime (group commit).
 */

import type { PersistRequest } from '../raft/types.js';
import type { Storage } from '../storage/storage.js';
import type { ServerMetrics } from './metrics.js';

export interface DiskListener {
  /** Everything up to the request with this sequence number survives a crash. */
  onPersisted(sequence: number): void;
  /** The disk failed. Nothing more will be written. */
  onDiskFailed(error: unknown): void;
}

export class Disk {
  readonly #storage: Pick<Storage, 'persist'>;
  readonly #listener: DiskListener;
  readonly #metrics: ServerMetrics;
  #waiting: PersistRequest[] = [];
  #isWriting = false;
  #isStopped = false;

  constructor(storage: Pick<Storage, 'persist'>, listener: DiskListener, metrics: ServerMetrics) {
    this.#storage = storage;
    this.#listener = listener;
    this.#metrics = metrics;
  }

  /** Whether a write is under way, so that whatever is added now waits for the next one. */
  get isBusy(): boolean {
    return this.#isWriting;
  }

  write(requests: readonly PersistRequest[]): void {
    this.#waiting.push(...requests);
    if (!this.#isWriting) this.#writeNext();
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
    this.#isWriting = true;
    const sinceMs = performance.now();
    this.#storage.persist(requests).then(
      () => {
        this.#isWriting = false;
        this.#count(requests, performance.now() - sinceMs);
        this.#listener.onPersisted(last.sequence);
        if (!this.#isWriting) this.#writeNext();
      },
      (error: unknown) => this.#listener.onDiskFailed(error),
    );
  }

  #count(requests: readonly PersistRequest[], durationMs: number): void {
    this.#metrics.diskDuration.observeMs(durationMs);
    this.#metrics.diskWrites += 1;
    for (const { entries } of requests) this.#metrics.diskEntries += entries.length;
  }
}
