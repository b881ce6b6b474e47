/**
 * The roles a server can have, each with just what a server in that role knows (§5.1).
 */

import type { Progress } from './progress.js';
import type { ReadQueue } from './reads.js';
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
  /** Every other server. */
  readonly progress: ReadonlyMap<ServerId, Progress>;
  /** The no-op that this leader appended first: once it commits, so has everything before it (§8). */
  readonly termStartIndex: LogIndex;
  nextHeartbeatMs: number;
  /** Numbers the rounds of messages; an answer names the round it belongs to. */
  round: number;
  readonly reads: ReadQueue;
  transfer: Transfer;
}

/**
 * Leadership transfer (thesis 3.10). `forfeited` is for the rest of the term: a successor that was once asked to
 * take over may do so at any later time, with votes that do not respect the lease.
 */
export type Transfer =
  | { readonly state: 'none'; readonly leaseForfeited: boolean }
  | {
      readonly state: 'pending';
      readonly target: ServerId;
      readonly deadlineMs: number;
      readonly leaseForfeited: boolean;
    };

export type Role = Follower | PreCandidate | Candidate | Leader;
