/**
 * A disk that survives its server: it keeps what was synced, and forgets the rest.
 *
 * A write is one atomic batch, as in the real store. At a crash the batch under way is there or is not (a torn one is
 * detected and dropped by the real store's checksums, so torn means not there).
 */

import { LOG_ORIGIN } from '../../src/raft/log.js';
import type {
  Entry,
  HardState,
  LogIndex,
  LogPosition,
  PersistRequest,
  RecoveredState,
  SnapshotChunk,
  SnapshotMeta,
  Term,
} from '../../src/raft/types.js';

/** A snapshot's content is the payloads of all entries up to it. */
interface StoredSnapshot {
  readonly meta: SnapshotMeta;
  readonly data: Uint8Array;
}

export class SimulatedDisk {
  #hardState: HardState = { currentTerm: 0, votedFor: undefined };
  #logStart: LogPosition = LOG_ORIGIN;
  #entries: Entry[] = [];
  #snapshot: StoredSnapshot | undefined;
  /** The one before: still readable for a transfer that began with it. */
  #older: StoredSnapshot | undefined;
  #incoming: Uint8Array[] = [];

  get lastIndex(): LogIndex {
    return this.#logStart.index + this.#entries.length;
  }

  get snapshot(): StoredSnapshot | undefined {
    return this.#snapshot;
  }

  /** What a server finds when it starts. */
  recover(): RecoveredState {
    return {
      hardState: this.#hardState,
      snapshot: this.#snapshot?.meta,
      entries: [...this.#entries],
      logStart: this.#logStart,
    };
  }

  /** Writes the requests, all at once. Throws RangeError for a write that would leave a gap. */
  write(requests: readonly PersistRequest[]): void {
    for (const { hardState, entries, snapshotChunk } of requests) {
      if (hardState !== undefined) this.#hardState = hardState;
      if (snapshotChunk !== undefined) this.#receive(snapshotChunk);
      this.#append(entries);
    }
  }

  /** Replaces the snapshot by a newer one, and drops the log up to `logStart`. */
  saveSnapshot(position: LogPosition, data: Uint8Array, logStart: LogIndex): SnapshotMeta {
    const meta = { ...position, byteLength: data.byteLength };
    this.#older = this.#snapshot;
    this.#snapshot = { meta, data };
    const start = Math.max(logStart, this.#logStart.index);
    const term = this.#termAt(start) ?? 0;
    this.#entries = this.#entries.slice(start - this.#logStart.index);
    this.#logStart = { index: start, term };
    return meta;
  }

  readSnapshot(position: LogPosition, offset: number, maxBytes: number): Uint8Array | undefined {
    const found = [this.#snapshot, this.#older].find((one) => one?.meta.index === position.index);
    return found?.data.subarray(offset, offset + maxBytes);
  }

  /** Chunks that were not yet a whole snapshot are of no use after a restart. */
  forgetIncoming(): void {
    this.#incoming = [];
  }

  #append(entries: readonly Entry[]): void {
    const [first] = entries;
    if (first === undefined) return;
    if (first.index > this.lastIndex + 1)
      throw new RangeError(`entry ${first.index} behind ${this.lastIndex}`);
    if (first.index <= this.#logStart.index) throw new RangeError(`entry ${first.index} is compacted`);
    this.#entries.length = first.index - this.#logStart.index - 1;
    this.#entries.push(...entries);
  }

  #receive({ snapshot, offset, data, last, keepsLog }: SnapshotChunk): void {
    if (offset === 0) this.#incoming = [];
    this.#incoming.push(data);
    if (!last) return;
    const whole = Buffer.concat(this.#incoming);
    this.#incoming = [];
    if (whole.byteLength !== snapshot.byteLength) throw new RangeError('a snapshot of another length');
    this.#older = this.#snapshot;
    this.#snapshot = { meta: snapshot, data: whole };
    this.#entries = keepsLog ? this.#entries.slice(Math.max(0, snapshot.index - this.#logStart.index)) : [];
    this.#logStart = { index: snapshot.index, term: snapshot.term };
  }

  #termAt(index: LogIndex): Term | undefined {
    if (index === this.#logStart.index) return this.#logStart.term;
    return this.#entries[index - this.#logStart.index - 1]?.term;
  }
}
