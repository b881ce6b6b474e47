/**
 * Log compaction (§7): when and how a server takes snapshots of its state machine, so that its log stays bounded.
 *
 * A snapshot is written in slices, with a write of the disk between two of them, while the server goes on. The log
 * keeps a tail before it, so that a follower which was away for a moment needs no snapshot.
 */

import type { Environment } from '../environment.js';
import { SNAPSHOT_SLICE_BYTES } from '../limits.js';
import { ENTRY_OVERHEAD_BYTES } from '../raft/log.js';
import type { Raft } from '../raft/raft.js';
import type { Entry, LogPosition, ServerId } from '../raft/types.js';
import type { KeyValueStore } from '../state-machine/key-value-store.js';
import { SnapshotSource } from '../storage/snapshot-format.js';
import { type SnapshotPosition, type SnapshotSink, type Storage, StorageError } from '../storage/storage.js';
import { SNAPSHOT_SHORTAGE_PAUSE_MS } from '../time-limits.js';
import type { ServerEvent } from '../wire/control.js';
import { LogTail } from './log-tail.js';
import type { ServerMetrics } from './server-metrics.js';

/** Multiples of it, less their whole part, lie far apart, however many. */
const GOLDEN_RATIO = (Math.sqrt(5) - 1) / 2;

/** The log keeps this fraction of what makes a snapshot due. */
const TAIL_FRACTION = 1 / 4;

/** At most this fraction is taken off what makes a snapshot due, so that not all servers take theirs at once. */
const MAX_OFFSET_FRACTION = 1 / 2;

/** A snapshot is not written more often than the log has grown by this fraction of it: a large state changes slowly. */
const MIN_GROWTH_FRACTION = 1 / 2;

/** While a follower is sent a snapshot, the next one waits until the log has grown by this many times as much. */
const SENDING_FACTOR = 4;

export interface SnapshotsOptions {
  readonly environment: Environment;
  readonly raft: Raft;
  readonly storage: Storage;
  /** Moves the time of the snapshots a little, so that not all servers take theirs at once: from 0 up to 1. */
  readonly offset: number;
  /** How many bytes of log, applied since the last snapshot, make the next one due. */
  readonly logBytes: number;
  readonly metrics: ServerMetrics;
  /** Told of snapshots that were taken, and of those that were given up for a shortage. */
  readonly onEvent: (event: ServerEvent) => void;
  readonly onFailure: (error: unknown) => void;
}

/** A snapshot that is being written, as long as it is wanted. */
interface Writing {
  readonly source: SnapshotSource;
  /** Bytes of all entries up to its position, as {@link LogTail} counts them. */
  readonly tailBytes: number;
  isWanted: boolean;
}

export class Snapshots {
  readonly #environment: Environment;
  readonly #raft: Raft;
  readonly #storage: Storage;
  readonly #logBytes: number;
  readonly #dueFactor: number;
  readonly #metrics: ServerMetrics;
  readonly #onEvent: SnapshotsOptions['onEvent'];
  readonly #onFailure: SnapshotsOptions['onFailure'];
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  #appliedBytes = 0;
  readonly #tail: LogTail;
  #lastByteLength: number;
  #writing: Writing | undefined;
  #onPersisted: (() => void) | undefined;

  constructor({
    environment,
    raft,
    storage,
    offset,
    logBytes,
    metrics,
    onEvent,
    onFailure,
  }: SnapshotsOptions) {
    this.#environment = environment;
    this.#raft = raft;
    this.#storage = storage;
    this.#logBytes = logBytes;
    this.#tail = new LogTail(logBytes * TAIL_FRACTION);
    this.#dueFactor = 1 - offset * MAX_OFFSET_FRACTION;
    this.#metrics = metrics;
    this.#onEvent = onEvent;
    this.#onFailure = onFailure;
    this.#lastByteLength = storage.recovered.snapshot?.byteLength ?? 0;
  }

  /** The state machine has applied the entry. */
  applied(entry: Entry): void {
    const byteLength = entry.payload.byteLength + ENTRY_OVERHEAD_BYTES;
    this.#appliedBytes += byteLength;
    this.#tail.add(entry, byteLength);
  }

  /** The log on disk has grown. */
  persisted(): void {
    this.#onPersisted?.();
  }

  /** Begins a snapshot of the store, which holds everything up to `position`, if one is due. */
  takeIfDue(store: KeyValueStore, position: LogPosition): void {
    const dueBytes = Math.max(this.#logBytes, this.#lastByteLength * MIN_GROWTH_FRACTION);
    if (this.#writing !== undefined || this.#appliedBytes < dueBytes * this.#dueFactor) return;
    if (this.#environment.nowMs() < this.#notBeforeMs) return;
    const isLate = this.#appliedBytes >= dueBytes * SENDING_FACTOR;
    if (this.#raft.isSendingSnapshot && !isLate) return;
    const coveredBytes = this.#appliedBytes;
    this.#appliedBytes = 0;
    const configuration = this.#raft.configurationAt(position.index);
    const writing: Writing = {
      source: new SnapshotSource(store.image()),
      tailBytes: this.#tail.bytes,
      isWanted: true,
    };
    this.#writing = writing;
    this.#take(writing, { ...position, configuration })
      .catch((error: unknown) => {
        if (!(error instanceof StorageError && error.code === 'DISK_SHORTAGE')) throw error;
        this.#appliedBytes += coveredBytes;
        this.#notBeforeMs = this.#environment.nowMs() + SNAPSHOT_SHORTAGE_PAUSE_MS;
        this.#onEvent({ type: 'snapshot-dropped', reason: error.message });
      })
      .catch(this.#onFailure)
      .finally(() => {
        writing.source.close();
        this.#writing = undefined;
      });
  }

  /** The one being written is not wanted any more: the server stops, or its state was replaced. */
  abort(): void {
    if (this.#writing !== undefined) this.#writing.isWanted = false;
    this.#onPersisted?.();
  }

  async #take(writing: Readonly<Writing>, position: SnapshotPosition): Promise<void> {
    const sink = await this.#storage.createSnapshot();
    try {
      await this.#fill(writing, sink, position);
    } catch (error) {
      await sink.discard().catch(() => undefined);
      throw error;
    }
  }

  async #fill(writing: Readonly<Writing>, sink: SnapshotSink, position: SnapshotPosition): Promise<void> {
    const startMs = this.#environment.nowMs();
    const isComplete = await this.#write(writing, sink);
    while (writing.isWanted && this.#raft.durableIndex < position.index) await this.#nextPersisted();
    if (!isComplete || !writing.isWanted) {
      await sink.discard();
      return;
    }
    const logStart = this.#logStart(position, writing);
    const snapshot = await sink.commit(position, logStart);
    if (snapshot === undefined) return;
    this.#lastByteLength = snapshot.byteLength;
    this.#raft.compacted(snapshot, logStart.index);
    const { index, byteLength } = snapshot;
    const tookMs = this.#environment.nowMs() - startMs;
    this.#metrics.snapshot('taken', byteLength, tookMs);
    this.#onEvent({ type: 'snapshot', index, byteLength, tookMs });
  }

  async #write(writing: Readonly<Writing>, sink: SnapshotSink): Promise<boolean> {
    while (writing.isWanted) {
      const slice = writing.source.next(SNAPSHOT_SLICE_BYTES);
      if (slice === undefined) return true;
      await sink.write(slice);
    }
    return false;
  }

  #nextPersisted(): Promise<void> {
    return new Promise((resolve) => {
      this.#onPersisted = () => {
        this.#onPersisted = undefined;
        resolve();
      };
    });
  }

  /** Where the log is to start, so that it holds a tail of entries up to `position`. */
  #logStart(position: LogPosition, { tailBytes }: Writing): LogPosition {
    const { logStart } = this.#raft;
    const start = this.#tail.startBefore(position, tailBytes);
    return start.index <= logStart.index ? logStart : start;
  }
}

/** A server's {@link SnapshotsOptions.offset}, far from those of servers with identities close to its own. */
export function snapshotOffsetOf(id: ServerId): number {
  return (id * GOLDEN_RATIO) % 1;
}
