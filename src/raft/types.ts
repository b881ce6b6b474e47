/**
 * The vocabulary of the consensus core: what it is told, what it keeps, what it asks for.
 *
 * Names are those of the Raft paper (Ongaro and Ousterhout, "In Search of an Understandable Consensus
 * Algorithm", extended version) and of Ongaro's thesis ("Consensus: Bridging Theory and Practice").
 */

/** A server's identity: a number given once, and never to another server. There may be gaps between them. */
export type ServerId = number;

/** The number of a place for a server, with its ports. A server that is removed leaves it to another one. */
export type SlotId = number;

/** A server, and where it is. */
export interface Member {
  readonly id: ServerId;
  readonly slot: SlotId;
}

/** Who decides, and who else gets the log (thesis 4). */
export interface Members {
  readonly voters: readonly Member[];
  /** While a change is half done, the voters before it: a majority of these is needed as well (4.3). Else empty. */
  readonly outgoing: readonly Member[];
  /** Servers whose logs are replicated, and whose answers and votes do not count (4.2.1). */
  readonly learners: readonly Member[];
}

/** The members, as an entry of the log has them. */
export interface Configuration extends Members {
  /** The next unused server id at this point of the log. */
  readonly nextId: ServerId;
}

/** A term: 0 before the first election, then growing without end (§5.1). */
export type Term = number;

/** A position in the log. The first entry is at 1; 0 stands for "before the first". */
export type LogIndex = number;

/** Where a log ends or where two logs agree: an index and the term of the entry there. */
export interface LogPosition {
  readonly index: LogIndex;
  readonly term: Term;
}

/** What a server must remember across a crash, besides its log (figure 2, "persistent state"). */
export interface HardState {
  readonly currentTerm: Term;
  /** Whom this server voted for in `currentTerm`, if anyone. */
  readonly votedFor: ServerId | undefined;
}

/**
 * One entry of the log. Its payload is opaque to consensus, and empty in an entry of consensus' own: the no-op that a leader
 * appends at the start of its term (§8), or a configuration.
 */
export interface Entry extends LogPosition {
  readonly payload: Uint8Array;
  /** In force from this entry on (thesis 4.1). */
  readonly configuration?: Configuration | undefined;
}

/** What a snapshot stands for: every entry up to and including this position (§7). */
export interface SnapshotMeta extends LogPosition {
  readonly byteLength: number;
  /** In force at this position (thesis 5.1). Undefined where the cluster's first one is: in a backup, or of an older version. */
  readonly configuration?: Configuration | undefined;
}

interface Envelope {
  readonly from: ServerId;
  readonly to: ServerId;
  /** The sender's currentTerm; for a {@link PreVote} the term that it would campaign in. */
  readonly term: Term;
}

/**
 * Asks whether a vote would be granted, before the term is raised: a server that was cut off cannot disturb
 * the others with its grown term (thesis 9.6). `from` is the candidate.
 */
export interface PreVote extends Envelope {
  readonly type: 'PreVote';
  readonly lastLogIndex: LogIndex;
  readonly lastLogTerm: Term;
}

export interface PreVoteResponse extends Envelope {
  readonly type: 'PreVoteResponse';
  readonly voteGranted: boolean;
}

/** RequestVote RPC (figure 2). `from` is the candidate. */
export interface RequestVote extends Envelope {
  readonly type: 'RequestVote';
  readonly lastLogIndex: LogIndex;
  readonly lastLogTerm: Term;
  /**
   * The leader of the term before has no lease any more, and never will in that term: it asked for this election
   * (thesis 3.10), or has ended. So no vote lease is a reason to refuse the vote.
   */
  readonly leaseIsOver: boolean;
}

export interface RequestVoteResponse extends Envelope {
  readonly type: 'RequestVoteResponse';
  readonly voteGranted: boolean;
}

/** What a follower's answer repeats unread from the leader's message, so that the leader knows which message was answered. */
export interface Echo {
  /** Counts the leader's rounds of messages: an answer to round r was caused by a message sent in round r. */
  readonly round: number;
  /** The leader's clock when the message was made, in ms: the start of the lease that its answer grants. */
  readonly sentAtMs: number;
}

/** AppendEntries RPC (figure 2). Without entries it is a heartbeat. */
export interface AppendEntries extends Envelope {
  readonly type: 'AppendEntries';
  readonly prevLogIndex: LogIndex;
  readonly prevLogTerm: Term;
  readonly entries: readonly Entry[];
  readonly leaderCommit: LogIndex;
  readonly echo: Echo;
}

/**
 * Answer to {@link AppendEntries}.
 *
 * - `accepted`: the follower's log agrees with the leader's up to `matchIndex`, and is on its disk.
 * - `rejected`: the follower has no entry like `prevLogIndex`/`prevLogTerm` of the request, which it names in
 *   `rejectedIndex`. The logs can only agree at or before `hint` (§5.3, the accelerated log backtracking).
 * - `stale`: the request came from an older term; `term` tells the newer one.
 */
export interface AppendEntriesResponse extends Envelope {
  readonly type: 'AppendEntriesResponse';
  readonly echo: Echo;
  readonly result:
    | { readonly outcome: 'accepted'; readonly matchIndex: LogIndex }
    | { readonly outcome: 'rejected'; readonly rejectedIndex: LogIndex; readonly hint: LogPosition }
    | { readonly outcome: 'stale' };
}

/** InstallSnapshot RPC (§7, figure 13): one chunk of the leader's snapshot. */
export interface InstallSnapshot extends Envelope {
  readonly type: 'InstallSnapshot';
  readonly snapshot: SnapshotMeta;
  /** Where in the snapshot `data` belongs, in bytes. The chunk that reaches `snapshot.byteLength` is the last. */
  readonly offset: number;
  readonly data: Uint8Array;
  readonly echo: Echo;
}

/** Answer to {@link InstallSnapshot}: the follower has the snapshot's first `receivedBytes` bytes on its disk. */
export interface InstallSnapshotResponse extends Envelope {
  readonly type: 'InstallSnapshotResponse';
  readonly snapshot: LogPosition;
  readonly receivedBytes: number;
  /** Everything up to the snapshot's position is on the follower's disk, by this snapshot or by its log. */
  readonly isInstalled: boolean;
  readonly echo: Echo;
}

/** The leader asks its successor to campaign at once (thesis 3.10). */
export interface TimeoutNow extends Envelope {
  readonly type: 'TimeoutNow';
}

/** A follower asks how far its state must be to answer reads (thesis 6.4): for all that came in before it was sent. */
export interface ReadIndex extends Envelope {
  readonly type: 'ReadIndex';
  /** Counts the follower's requests, those before its restart included. */
  readonly request: number;
}

/** Answer to {@link ReadIndex}: the leader led after the request came, and everything up to `index` was committed then. */
export interface ReadIndexResponse extends Envelope {
  readonly type: 'ReadIndexResponse';
  readonly request: number;
  readonly index: LogIndex;
}

export type Message =
  | PreVote
  | PreVoteResponse
  | RequestVote
  | RequestVoteResponse
  | AppendEntries
  | AppendEntriesResponse
  | InstallSnapshot
  | InstallSnapshotResponse
  | TimeoutNow
  | ReadIndex
  | ReadIndexResponse;

/** The roles of §5.1, and the one that pre-vote adds (thesis 9.6). */
export type RoleName = 'follower' | 'precandidate' | 'candidate' | 'leader';

/**
 * Something to put on disk, in the order of `sequence`. Several may be written as one atomic batch.
 *
 * Once all parts of it survive a crash, say so with `raft.persisted(sequence, nowMs)`; what depends on it (a vote,
 * an acknowledgement, this server's own share in a majority) is held back by the core until then.
 */
export interface PersistRequest {
  readonly sequence: number;
  /** The new hard state, if it changed. */
  readonly hardState: HardState | undefined;
  /**
   * Entries to append, consecutive. Whatever the log on disk holds at or after the first one's index goes
   * away in the same step: it conflicts (§5.3).
   */
  readonly entries: readonly Entry[];
  /** A chunk of a snapshot that the leader sends, to be kept aside until it is whole. */
  readonly snapshotChunk: SnapshotChunk | undefined;
}

/** The next bytes of a snapshot that is being received. `offset` 0 starts it anew. */
export interface SnapshotChunk {
  readonly snapshot: SnapshotMeta;
  readonly offset: number;
  readonly data: Uint8Array;
  /**
   * With this chunk the snapshot is whole: install it atomically in place of the older one, and with it
   * discard the log up to it; `keepsLog` tells whether the entries after it stay (§7) or go.
   */
  readonly last: boolean;
  readonly keepsLog: boolean;
}

/** A group of reads that was confirmed: any state with everything up to `index` applied may answer them. */
export interface ConfirmedRead {
  readonly readId: number;
  readonly index: LogIndex;
}

/** What has become of a change of members that this server drove as the leader. */
export type ChangeOutcome =
  | { readonly outcome: 'done' }
  /** The members are what they were before it. */
  | { readonly outcome: 'given up'; readonly reason: string }
  /** It goes on once C_old,new is in the log of the next leader, and was never begun if not. */
  | { readonly outcome: 'leadership lost' };

/** Entries of this server's own log that are not in memory: answered by `raft.entriesRead`. */
export interface LogRead {
  readonly readId: number;
  /** The first and the last that are wanted, both of which are on the disk unless they are compacted meanwhile. */
  readonly from: LogIndex;
  readonly to: LogIndex;
  /** Payload bytes that are enough; one entry is wanted whatever its size. */
  readonly maxBytes: number;
}

/** Bytes of this server's own snapshot at a position: answered by `raft.snapshotRead`. */
export interface SnapshotRead {
  readonly readId: number;
  readonly position: LogPosition;
  readonly offset: number;
  readonly maxBytes: number;
}

/**
 * What the core asks its driver to do, taken with `raft.takeOutput()`.
 *
 * The driver sends `messages` at once (each may be lost, doubled, late), writes `persist` in order and reports
 * it, restores `installedSnapshot` if given and then applies `committed` in order, and answers the reads.
 */
export interface Output {
  readonly persist: readonly PersistRequest[];
  readonly messages: readonly Message[];
  /** To be read from the log on disk, beside whatever else it does. */
  readonly logReads: readonly LogRead[];
  /** To be read from snapshots on disk, in the same way. */
  readonly snapshotReads: readonly SnapshotRead[];
  /** Entries that became committed and were not handed out before, in order. */
  readonly committed: readonly Entry[];
  /** The state machine must be replaced by this snapshot before `committed` is applied. It is on disk. */
  readonly installedSnapshot: SnapshotMeta | undefined;
  readonly confirmedReads: readonly ConfirmedRead[];
  /** Reads that were not confirmed, and will not be: this server has stopped to lead, or to follow that leader. */
  readonly failedReads: readonly number[];
  readonly changeOutcome: ChangeOutcome | undefined;
}

/** What was found on disk at the start. */
export interface RecoveredState {
  readonly hardState: HardState;
  /** The newest whole snapshot; its content was already restored to the state machine. */
  readonly snapshot: SnapshotMeta | undefined;
  /** Entries of the log, consecutive; they may start before the snapshot's end, and never after it. */
  readonly entries: readonly Entry[];
  /** The position just before `entries`: where the log starts. */
  readonly logStart: LogPosition;
}
