/**
 * A disk in memory: what was written survives a crash of its server, what was not is gone.
 */

import { LOG_ORIGIN } from '../../../src/raft/log.js';
import type {
  Entry,
  HardState,
  LogIndex,
  LogPosition,
  LogRead,
  PersistRequest,
  RecoveredState,
  SnapshotChunk,
  SnapshotMeta,
} from '../../../src/raft/types.js';

export class Disk {
  #hardState: HardState = { currentTerm: 0, votedFor: undefined };
  #logStart: LogPosition = LOG_ORIGIN;
  #entries: readonly Entry[] = [];
  #snapshot: SnapshotMeta | undefined;
  #snapshotData = new Uint8Array();
  #incoming: Uint8Array[] = [];

  /** A disk on which a server left this log, having got as far as the term of the last entry, or `term`. */
  static holding(entries: readonly Entry[], term = entries.at(-1)?.term ?? 0): Disk {
    const disk = new Disk();
    disk.#hardState = { currentTerm: term, votedFor: undefined };
    disk.#entries = entries;
    return disk;
  }

  get entries(): readonly Entry[] {
    return this.#entries;
  }

  get hardState(): HardState {
    return this.#hardState;
  }

  get snapshot(): SnapshotMeta | undefined {
    return this.#snapshot;
  }

  /** The whole snapshot's bytes. */
  get snapshotData(): Uint8Array {
    return this.#snapshotData;
  }

  /** The first of the wanted entries, unless it was dropped. */
  read({ from, to, maxBytes }: Omit<LogRead, 'readId'>): readonly Entry[] {
    let byteCount = 0;
    const wanted = this.#entries.filter(({ index }) => index >= from && index <= to);
    if (wanted[0]?.index !== from) return [];
    return wanted.filter(({ payload }, i) => {
      byteCount += payload.byteLength;
      return i === 0 || byteCount <= maxBytes;
    });
  }

  /** Does one request. Throws when it leaves a hole in the log or in a snapshot. */
  write({ hardState, entries, snapshotChunk }: PersistRequest): void {
    if (hardState !== undefined) this.#hardState = hardState;
    if (snapshotChunk !== undefined) this.#writeChunk(snapshotChunk);
    const [first] = entries;
    if (first === undefined) return;
    const lastIndex = this.#entries.at(-1)?.index ?? this.#logStart.index;
    if (first.index <= this.#logStart.index || first.index > lastIndex + 1)
      throw new Error(`entry ${first.index} written to a log of ${this.#logStart.index + 1} to ${lastIndex}`);
    this.#entries = [...this.#entries.filter((entry) => entry.index < first.index), ...entries];
  }

  /** Keeps a snapshot, and the log only from after `logStart`. */
  saveSnapshot(snapshot: SnapshotMeta, data: Uint8Array, logStart: LogIndex): void {
    this.#snapshot = snapshot;
    this.#snapshotData = Uint8Array.from(data);
    this.#logStart = this.#entries.find((entry) => entry.index === logStart) ?? this.#logStart;
    this.#entries = this.#entries.filter((entry) => entry.index > logStart);
  }

  readSnapshot(position: LogPosition, offset: number, maxBytes: number): Uint8Array | undefined {
    if (this.#snapshot?.index !== position.index) return undefined;
    return this.#snapshotData.slice(offset, offset + maxBytes);
  }

  recover(): RecoveredState {
    this.#incoming = [];
    return {
      hardState: this.#hardState,
      snapshot: this.#snapshot,
      entries: this.#entries,
      logStart: { index: this.#logStart.index, term: this.#logStart.term },
    };
  }

  #writeChunk({ snapshot, offset, data, last, keepsLog }: SnapshotChunk): void {
    if (offset === 0) this.#incoming = [];
    const received = this.#incoming.reduce((sum, chunk) => sum + chunk.byteLength, 0);
    if (offset !== received) throw new Error(`a chunk for byte ${offset} written after byte ${received}`);
    this.#incoming.push(data);
    if (!last) return;
    this.#snapshot = snapshot;
    this.#snapshotData = Uint8Array.from(this.#incoming.flatMap((chunk) => [...chunk]));
    this.#entries = keepsLog ? this.#entries.filter((entry) => entry.index > snapshot.index) : [];
    this.#logStart = { index: snapshot.index, term: snapshot.term };
  }
}
