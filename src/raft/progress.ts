/**
 * What a leader knows of one follower, and the ways it changes.
 *
 * Log replication to a follower is in one of three states, and each has just the fields that mean something in it:
 *
 * - `probe`: the leader looks for the last entry that both logs share, one message at a time;
 * - `replicate`: the last shared entry is known, or a new leader assumes one, and entries are pipelined, within limits;
 * - `snapshot`: the follower needs entries the leader no longer has, and is sent a snapshot in chunks.
 */

import type { Echo, LogIndex, SnapshotMeta } from './types.js';

export interface Probing {
  readonly name: 'probe';
  /** The entry to try next: the message is sent with `nextIndex - 1` as its prevLogIndex. */
  readonly nextIndex: LogIndex;
  /** A probe is out; the next one goes with its answer or with the next heartbeat. */
  readonly awaitsAnswer: boolean;
}

export interface Replicating {
  readonly name: 'replicate';
  /** The next entry to send: everything before it is sent or matched. */
  nextIndex: LogIndex;
  /** Messages with entries, sent and unanswered, oldest first. */
  readonly inflight: InflightAppend[];
  inflightBytes: number;
  /** The read of the disk that replication waits for, if any. See log-reads.ts. */
  readId: number | undefined;
}

export interface InflightAppend {
  readonly lastIndex: LogIndex;
  readonly byteCount: number;
}

export interface SendingSnapshot {
  readonly name: 'snapshot';
  readonly snapshot: SnapshotMeta;
  /** The follower confirmed this many bytes. */
  receivedBytes: number;
  /** The leader sent this many. `receivedBytes <= sentBytes <= snapshot.byteLength`. */
  sentBytes: number;
  /** When `receivedBytes` grew last, in ms of the leader's clock. */
  lastGrowthMs: number;
  /** The chunk that is being read from the disk. */
  read: ChunkRead | undefined;
}

export interface ChunkRead {
  readonly readId: number;
  readonly offset: number;
}

export type ReplicationState = Probing | Replicating | SendingSnapshot;

export class Progress {
  /** The log is known to be on the follower's disk up to here. */
  matchIndex: LogIndex = 0;
  state: ReplicationState;
  /** The newest of the leader's rounds that the follower has answered. */
  answeredRound = 0;
  /** When the newest message that it has answered was sent, in ms of the leader's clock: its lease starts there. */
  answeredSentAtMs = Number.NEGATIVE_INFINITY;
  /** When something was last heard from it, in ms of the leader's clock. */
  lastHeardMs: number;
  /** When it last asked about reads, in ms of the leader's clock. These reads wait for entries to be committed. */
  lastAskedMs = Number.NEGATIVE_INFINITY;
  /** The commit index in the last message that it was sent. */
  sentCommitIndex: LogIndex = 0;

  /**
   * A new leader assumes that each follower has its whole log, which is mostly true of those that voted for it. It pipelines at
   * once: writes of clients need not wait for the first answer. A follower without the entry before rejects, and is probed.
   *
   * @param nextIndex the first entry of the leader's term
   * @param nowMs counts as the first sign of life, so that a new leader gives everybody a full timeout
   */
  constructor(nextIndex: LogIndex, nowMs: number) {
    this.state = { name: 'replicate', nextIndex, inflight: [], inflightBytes: 0, readId: undefined };
    this.lastHeardMs = nowMs;
  }

  /** An answer of this term came in, whatever it says. */
  heard(echo: Echo, nowMs: number): void {
    this.lastHeardMs = nowMs;
    this.answeredRound = Math.max(this.answeredRound, echo.round);
    this.answeredSentAtMs = Math.max(this.answeredSentAtMs, echo.sentAtMs);
  }

  /** The follower's link is new: nothing sent before arrives any more, and its log has to be looked at again. */
  restart(nextIndex: LogIndex): void {
    this.matchIndex = 0;
    this.probe(nextIndex);
  }

  probe(nextIndex: LogIndex): void {
    this.state = { name: 'probe', nextIndex, awaitsAnswer: false };
  }

  probeSent(): void {
    if (this.state.name === 'probe') this.state = { ...this.state, awaitsAnswer: true };
  }

  sendSnapshot(snapshot: SnapshotMeta, nowMs: number): void {
    const nothing = { receivedBytes: 0, sentBytes: 0, read: undefined };
    this.state = { name: 'snapshot', snapshot, lastGrowthMs: nowMs, ...nothing };
  }

  /**
   * The follower's log agrees with the leader's up to `matchIndex`. A probe has found the sync point with it, and
   * a snapshot that does not reach further is no longer needed.
   */
  accepted(matchIndex: LogIndex): void {
    this.matchIndex = Math.max(this.matchIndex, matchIndex);
    const { state } = this;
    switch (state.name) {
      case 'probe':
        this.#replicate(Math.max(state.nextIndex, this.matchIndex + 1));
        return;
      case 'replicate':
        state.nextIndex = Math.max(state.nextIndex, this.matchIndex + 1);
        freeInflight(state, this.matchIndex);
        return;
      case 'snapshot':
        if (this.matchIndex >= state.snapshot.index) this.#replicate(this.matchIndex + 1);
        return;
    }
  }

  /**
   * The follower has no entry like the leader's at `rejectedIndex`; `nextIndex` is where agreement is possible.
   * An answer that is older than what is known already changes nothing.
   */
  rejected(rejectedIndex: LogIndex, nextIndex: LogIndex): void {
    const { state } = this;
    if (state.name === 'snapshot' || rejectedIndex <= this.matchIndex) return;
    if (state.name === 'probe' && rejectedIndex !== state.nextIndex - 1) return;
    this.probe(Math.max(this.matchIndex + 1, Math.min(nextIndex, rejectedIndex)));
  }

  #replicate(nextIndex: LogIndex): void {
    this.state = { name: 'replicate', nextIndex, inflight: [], inflightBytes: 0, readId: undefined };
  }
}

/** Notes that entries up to `lastIndex` left for the follower. */
export function appendSent(state: Replicating, lastIndex: LogIndex, byteCount: number): void {
  state.nextIndex = lastIndex + 1;
  state.inflight.push({ lastIndex, byteCount });
  state.inflightBytes += byteCount;
}

function freeInflight(state: Replicating, matchIndex: LogIndex): void {
  let answered = 0;
  for (const append of state.inflight) {
    if (append.lastIndex > matchIndex) break;
    state.inflightBytes -= append.byteCount;
    answered += 1;
  }
  state.inflight.splice(0, answered);
}

/** Up to where the log is known to be on the follower's disk. */
export function matchIndexOf({ matchIndex }: Progress): LogIndex {
  return matchIndex;
}
