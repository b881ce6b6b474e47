/**
 * The roles a server can have, each with just what a server in that role knows (§5.1).
 */

import type { Progress } from './progress.js';
import type { ReadQueue } from './read-queue.js';
import type { LogIndex, ServerId, SnapshotMeta } from './types.js';

export interface Follower {
  readonly name: 'follower';
  /** The leader of the current term, once heard from. */
  readonly leader: ServerId | undefined;
  /** The snapshot that the leader is sending, and how much of it has come. */
  incoming: IncomingSnapshot | undefined;
}

export interface IncomingSnapshot {
  readonly snapshot: SnapshotMeta;
  readonly receivedBytes: number;
}

/** Asks whether an election could be won, without raising its term (thesis 9.6). */
export interface PreCandidate {
  readonly name: 'precandidate';
  readonly votes: Map<ServerId, boolean>;
}

export interface Candidate {
  readonly name: 'candidate';
  /** Its own vote is in here only once it is on disk. */
  readonly votes: Map<ServerId, boolean>;
}

export interface Leader {
  readonly name: 'leader';
  /** Everybody else who is replicated to: see Core.peers. */
  readonly progress: ReadonlyMap<ServerId, Progress>;
  /** Where this leader's no-op is, the first entry of its term (no-op.ts). */
  readonly noOpIndex: LogIndex;
  nextHeartbeatMs: number;
  /** Numbers the rounds of messages; an answer names the round it belongs to. */
  round: number;
  readonly reads: ReadQueue;
  transfer: Transfer;
  /** Payload bytes of its own entries that are not committed. */
  uncommittedBytes: number;
}

/**
 * Leadership transfer (thesis 3.10). `successor` was asked to take over, and may do so at any later time of this term, with
 * votes that disregard the lease: so it stays when the transfer is given up.
 */
export type Transfer =
  | { readonly state: 'none'; readonly successor: ServerId | undefined }
  | {
      readonly state: 'pending';
      readonly target: ServerId;
      readonly deadlineMs: number;
      readonly successor: ServerId | undefined;
    };

export type Role = Follower | PreCandidate | Candidate | Leader;
