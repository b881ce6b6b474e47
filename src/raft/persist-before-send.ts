/**
 * Persist before send: which message leaves only once what it tells is on disk.
 *
 * Others rely on a vote, on the answer that this server's term is later, and on an acknowledged entry; a server that
 * forgets what it told them breaks elections or loses writes (figure 2, "updated on stable storage before responding to
 * RPCs"). So a message that others rely on *waits* here until all that was asked of the disk before it is durable. Other
 * messages do not wait: a leader writes its disk in parallel with its followers (thesis 10.2.1), and a candidate
 * its vote for itself in parallel with theirs.
 *
 * Invariants: `durableIndex <= log.lastIndex`, and the disk's log agrees with the one in memory up to it.
 */

import { invariant } from './assert.js';
import type { RaftLog } from './log.js';
import type { HardState, LogIndex, Message, PersistRequest, SnapshotChunk } from './types.js';

interface Pending {
  readonly sequence: number;
  readonly hardState: HardState;
  /** The log on disk ends here, and agrees with the log in memory, once this request is done. */
  lastIndex: LogIndex;
  /** The snapshot that is installed with this request, if it brings the last chunk. */
  readonly installed: SnapshotChunk | undefined;
  /** Messages that leave once it is done. */
  readonly waiting: Message[];
  /** When the disk was asked for it. */
  readonly sinceMs: number;
}

/** What became durable. */
export interface Durable {
  /** Messages that may leave now, in the order in which they were made. */
  readonly released: readonly Message[];
  /** Snapshots that are installed now, in order. */
  readonly installed: readonly SnapshotChunk[];
}

export class Persistence {
  #nextSequence = 1;
  #durable: HardState;
  #requested: HardState;
  #durableIndex: LogIndex;
  /** The log up to here was handed to the disk. */
  #requestedIndex: LogIndex;
  #chunks: SnapshotChunk[] = [];
  /** Messages that wait for what is not yet handed to the disk. */
  #waiting: Message[] = [];
  #pending: Pending[] = [];
  #lastDoneMs = Number.NEGATIVE_INFINITY;

  constructor(hardState: HardState, lastIndex: LogIndex) {
    this.#durable = hardState;
    this.#requested = hardState;
    this.#durableIndex = lastIndex;
    this.#requestedIndex = lastIndex;
  }

  /** The hard state on disk. */
  get durableHardState(): HardState {
    return this.#durable;
  }

  /** The log is on disk up to here. */
  get durableIndex(): LogIndex {
    return this.#durableIndex;
  }

  /** For how long the disk has worked at the oldest write, in ms; 0 while there is none. */
  busyMs(nowMs: number): number {
    const [first] = this.#pending;
    return first === undefined ? 0 : nowMs - Math.max(first.sinceMs, this.#lastDoneMs);
  }

  /** The message leaves once everything that happened up to now is durable. */
  hold(message: Message): void {
    this.#waiting.push(message);
  }

  /** The log in memory lost its entries from `index` on: what is on disk of them counts no more. */
  truncated(index: LogIndex): void {
    this.#requestedIndex = Math.min(this.#requestedIndex, index - 1);
    this.#durableIndex = Math.min(this.#durableIndex, index - 1);
    for (const pending of this.#pending) pending.lastIndex = Math.min(pending.lastIndex, index - 1);
  }

  /**
   * A chunk of a snapshot is to be written, after the entries that came before it. No entries come between the last chunk and
   * its installation, so no entry that the snapshot replaces can be written over it.
   */
  chunk(chunk: SnapshotChunk): void {
    this.#chunks.push(chunk);
  }

  /** A snapshot up to `index` is on disk in place of the log before it; `keepsLog` as in SnapshotChunk. */
  installed(index: LogIndex, { keepsLog }: { keepsLog: boolean }): void {
    const logEnd = (end: LogIndex) => (keepsLog ? Math.max(end, index) : index);
    this.#durableIndex = logEnd(this.#durableIndex);
    this.#requestedIndex = logEnd(this.#requestedIndex);
    for (const pending of this.#pending) pending.lastIndex = logEnd(pending.lastIndex);
  }

  /**
   * What is to be written now, and the messages that wait for nothing. Called once per turn, so everything that
   * happened in the turn becomes one write.
   */
  takeRequests(
    hardState: HardState,
    log: RaftLog,
    nowMs: number,
  ): { persist: PersistRequest[]; free: readonly Message[] } {
    const waiting = this.#waiting;
    const chunks = this.#chunks;
    this.#waiting = [];
    this.#chunks = [];
    const persist: PersistRequest[] = [];
    const changed = sameHardState(hardState, this.#requested) ? undefined : hardState;
    const entries = log.lastIndex > this.#requestedIndex ? log.slice(this.#requestedIndex + 1) : [];
    if (changed !== undefined || entries.length > 0) {
      this.#requested = hardState;
      this.#requestedIndex = log.lastIndex;
      const request = { hardState: changed, entries, snapshotChunk: undefined };
      persist.push(this.#request(request, undefined, nowMs));
    }
    for (const snapshotChunk of chunks) {
      const installed = snapshotChunk.last ? snapshotChunk : undefined;
      const request = { hardState: undefined, entries: [], snapshotChunk };
      persist.push(this.#request(request, installed, nowMs));
    }
    const last = this.#pending.at(-1);
    if (last === undefined) return { persist, free: waiting };
    last.waiting.push(...waiting);
    return { persist, free: [] };
  }

  /** Everything up to the request with this sequence number survives a crash from now on. */
  persisted(sequence: number, nowMs: number): Durable {
    this.#lastDoneMs = nowMs;
    const released: Message[] = [];
    const installed: SnapshotChunk[] = [];
    while (true) {
      const pending = this.#pending[0];
      if (pending === undefined || pending.sequence > sequence) break;
      this.#pending.shift();
      this.#durable = pending.hardState;
      this.#durableIndex = Math.max(this.#durableIndex, pending.lastIndex);
      released.push(...pending.waiting);
      if (pending.installed !== undefined) installed.push(pending.installed);
    }
    invariant(sequence < this.#nextSequence, `persisted(${sequence}) was never asked for`);
    return { released, installed };
  }

  #request(
    request: Omit<PersistRequest, 'sequence'>,
    installed: SnapshotChunk | undefined,
    sinceMs: number,
  ): PersistRequest {
    const sequence = this.#nextSequence;
    this.#nextSequence += 1;
    this.#pending.push({
      sequence,
      hardState: this.#requested,
      lastIndex: this.#requestedIndex,
      installed,
      waiting: [],
      sinceMs,
    });
    return { sequence, ...request };
  }
}

function sameHardState(a: HardState, b: HardState): boolean {
  return a.currentTerm === b.currentTerm && a.votedFor === b.votedFor;
}
