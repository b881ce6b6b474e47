/**
 * The roles a server can have, each with just what a server in that role knows (§5.1).
 */

import type { CatchUp } from './learner-catch-up.js';
import type { Progress } from './progress.js';
import type { ReadQueue } from './read-queue.js';
import type { LogIndex, Member, ServerId, SnapshotMeta } from './types.js';

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
  readonly progress: Map<ServerId, Progress>;
  /** Where this leader's no-op is, the first entry of its term (no-op.ts). */
  readonly noOpIndex: LogIndex;
  nextHeartbeatMs: number;
  /** Numbers the rounds of messages; an answer names the round it belongs to. */
  round: number;
  readonly reads: ReadQueue;
  transfer: Transfer;
  change: MemberChange;
  /** Index of the newest configuration that this leader saw committed and has acted on. */
  actedUponIndex: LogIndex | undefined;
  /** When replication to removed servers ends, in ms. */
  forgetRemovedAtMs: number;
  /** The log up to here, or to the no-op, is committed and on this leader's own disk. */
  settledIndex: LogIndex;
  /** Payload bytes of the entries after that. */
  unsettledBytes: number;
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
    }
  /** A configuration without this leader is committed: see removed-leader.ts. */
  | { readonly state: 'leaving'; readonly deadlineMs: number; readonly successor: ServerId | undefined };

/** A change of members that this leader drives (thesis 4.3), see joint-consensus.ts. */
export type MemberChange =
  | { readonly state: 'none' }
  /** The new ones among `voters` are learners: they have no vote yet (4.2.1). */
  | {
      readonly state: 'learning';
      readonly voters: readonly Member[];
      readonly catchUp: CatchUp;
      readonly deadlineMs: number;
    }
  /** C_old,new was appended, or C_new. */
  | { readonly state: 'deciding'; readonly sinceMs: number }
  /** The configuration before it was appended again. */
  | { readonly state: 'giving up'; readonly reason: string };

export type Role = Follower | PreCandidate | Candidate | Leader;
