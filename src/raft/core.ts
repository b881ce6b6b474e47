/**
 * What all topics of consensus share: one server's state, its clock as last told, and what waits to be taken by
 * the driver. The rules that change it are in the files named after their topics; roles change in transitions.ts alone.
 *
 * Invariants: `commitIndex <= log.lastIndex`; terms, `commitIndex` and the clock never go back; `votedFor` changes
 * only along with a rise of the term, except from nobody to somebody.
 */

import { invariant } from './assert.js';
import { hasVoter, hasVoterAlone, idOf, membersOf } from './configuration.js';
import { drawElectionTimeoutMs, drawFirstElectionTimeoutMs, type Succession } from './election-timeout.js';
import { FollowerReadQueue } from './follower-read-queue.js';
import { LOG_ORIGIN, RaftLog } from './log.js';
import { LogConfigurations } from './log-configurations.js';
import { Persistence } from './persist-before-send.js';
import type { Quorum } from './quorum.js';
import type { RaftDependencies, RaftOptions } from './raft-options.js';
import type { Role } from './roles.js';
import type {
  ChangeOutcome,
  Configuration,
  ConfirmedRead,
  HardState,
  LogIndex,
  LogRead,
  Message,
  Output,
  RecoveredState,
  ServerId,
  SnapshotMeta,
  SnapshotRead,
  Term,
} from './types.js';

/** See vote-lease.ts. */
export interface VoteLease {
  /** The leader that was heard; unknown after a restart. */
  readonly leader: ServerId | undefined;
  readonly untilMs: number;
}

export class Core {
  readonly id: ServerId;
  readonly options: RaftOptions;
  readonly dependencies: RaftDependencies;
  readonly log: RaftLog;
  readonly persistence: Persistence;

  nowMs: number;
  commitIndex: LogIndex;
  /** The newest snapshot of this server that is on disk. */
  snapshot: SnapshotMeta | undefined;
  /** A whole snapshot that is being written in place of the log; until it is, no entries are accepted. */
  installing: SnapshotMeta | undefined;
  voteLease: VoteLease;
  electionDeadlineMs: number;
  /** Undefined unless the last leader is known to have ended. */
  succession: Succession | undefined;

  /** Committed entries up to here were handed to the driver. */
  handedIndex: LogIndex;
  installedSnapshot: SnapshotMeta | undefined;
  messages: Message[] = [];
  logReads: LogRead[] = [];
  snapshotReads: SnapshotRead[] = [];
  /** Of the reads of both kinds. */
  lastReadId = 0;
  readonly followerReads: FollowerReadQueue;
  confirmedReads: ConfirmedRead[] = [];
  failedReads: number[] = [];
  changeOutcome: ChangeOutcome | undefined;

  #role: Role;
  #hardState: HardState;

  constructor(
    options: RaftOptions,
    dependencies: RaftDependencies,
    recovered: RecoveredState,
    nowMs: number,
  ) {
    this.id = options.id;
    this.options = options;
    this.dependencies = dependencies;
    this.snapshot = recovered.snapshot;
    this.log = new RaftLog(
      recovered.logStart,
      recovered.entries,
      new LogConfigurations(
        recovered.snapshot?.index ?? LOG_ORIGIN.index,
        recovered.snapshot?.configuration ?? options.configuration,
      ),
    );
    this.#hardState = recovered.hardState;
    this.commitIndex = recovered.snapshot?.index ?? LOG_ORIGIN.index;
    this.handedIndex = this.commitIndex;
    invariant(this.commitIndex <= this.log.lastIndex, 'the log ends before the snapshot does');
    invariant(
      this.log.start.index <= this.commitIndex,
      'entries between the snapshot and the log are missing',
    );
    this.persistence = new Persistence(recovered.hardState, this.log.lastIndex);
    this.nowMs = nowMs;
    this.followerReads = new FollowerReadQueue(nowMs);
    this.#role = { name: 'follower', leader: undefined, incoming: undefined };
    const isNew = recovered.hardState.currentTerm === 0 && this.log.lastIndex === 0;
    const mayHaveVoteLease = !isNew && options.leasesAreOver !== true;
    this.voteLease = {
      leader: undefined,
      untilMs: mayHaveVoteLease ? nowMs + options.electionTimeoutMs : nowMs,
    };
    const isAlone = this.#isSafelyAlone({ mayDisturbLeader: mayHaveVoteLease });
    const start = { isAlone, mayDisturbLeader: mayHaveVoteLease };
    this.electionDeadlineMs = nowMs + drawFirstElectionTimeoutMs(options, dependencies, start);
  }

  get hardState(): HardState {
    return this.#hardState;
  }

  /** The configuration in force. */
  get configuration(): Configuration {
    return this.log.configurations.latest.configuration;
  }

  /** Whose agreement decides. */
  get quorum(): Quorum {
    return this.log.configurations.latest.quorum;
  }

  /** Whether this server's vote counts in the configuration in force. */
  get hasVote(): boolean {
    const { voters, outgoing } = this.quorum;
    return voters.includes(this.id) || outgoing.includes(this.id);
  }

  /** Everybody in the committed configuration, or in a later one, which may be in force next; without this server itself. */
  get peers(): ReadonlySet<ServerId> {
    const placed = this.log.configurations.from(this.commitIndex);
    const ids = new Set(placed.flatMap(({ configuration }) => membersOf(configuration).map(idOf)));
    ids.delete(this.id);
    return ids;
  }

  /**
   * Whether this server may become the leader: it is a voter of the committed configuration, or of a later one. A server that is
   * not in the latest configuration must be able to, too (thesis 4.2.2): it may be the only server whose log has that one.
   */
  get mayCampaign(): boolean {
    const placed = this.log.configurations.from(this.commitIndex);
    return placed.some(({ configuration }) => hasVoter(configuration, this.id));
  }

  get currentTerm(): Term {
    return this.#hardState.currentTerm;
  }

  get role(): Role {
    return this.#role;
  }

  /** Sets the role. For transitions.ts alone, which checks that the change is legal. */
  changeRole(role: Role): void {
    this.#role = role;
  }

  /** The leader of the current term as far as this server knows. */
  get leader(): ServerId | undefined {
    switch (this.role.name) {
      case 'leader':
        return this.id;
      case 'follower':
        return this.role.leader;
      default:
        return undefined;
    }
  }

  /** Sends a message that relies on nothing which is not on disk already. */
  send(message: Message): void {
    this.messages.push(message);
  }

  /** Sends a message once everything that happened up to now is on disk. */
  sendWhenDurable(message: Message): void {
    this.persistence.hold(message);
  }

  /** For how long the disk has worked at the oldest write, in ms; 0 while there is none. */
  get stalledMs(): number {
    return this.persistence.busyMs(this.nowMs);
  }

  /** Whether a write of the disk has taken an election timeout or longer, see stalled-disk.ts. */
  get isDiskStalled(): boolean {
    return this.stalledMs >= this.options.electionTimeoutMs;
  }

  /** Enters a later term, without a vote in it. */
  raiseTerm(term: Term): void {
    invariant(term > this.currentTerm, `term ${this.currentTerm} cannot become ${term}`);
    this.#hardState = { currentTerm: term, votedFor: undefined };
  }

  /** Votes in the current term. */
  vote(candidate: ServerId): void {
    const { votedFor } = this.#hardState;
    invariant(votedFor === undefined || votedFor === candidate, `a second vote in term ${this.currentTerm}`);
    this.#hardState = { currentTerm: this.currentTerm, votedFor: candidate };
  }

  /** Draws a new election timeout (§5.2), a much shorter one while a successor is wanted. */
  resetElectionTimer(): void {
    const { succession } = this;
    this.electionDeadlineMs = this.nowMs + drawElectionTimeoutMs(this.options, this.dependencies, succession);
  }

  /** Notes a snapshot that is on disk, unless one that reaches as far is known. */
  keepNewest(snapshot: SnapshotMeta): void {
    if (snapshot.index <= (this.snapshot?.index ?? 0)) return;
    this.snapshot = { ...snapshot, configuration: this.log.configurations.at(snapshot.index) };
    this.log.configurations.compactTo(snapshot.index);
  }

  /** Everything up to `index` is committed. */
  commitTo(index: LogIndex): void {
    if (index <= this.commitIndex) return;
    invariant(index <= this.log.lastIndex, `commit of ${index}, the log ends at ${this.log.lastIndex}`);
    this.commitIndex = index;
  }

  /** What is queued for the driver. Each thing is returned once. */
  takeQueued(): Omit<Output, 'persist' | 'committed'> {
    const { messages, logReads, snapshotReads, confirmedReads, failedReads } = this;
    const { installedSnapshot, changeOutcome } = this;
    this.messages = [];
    this.logReads = [];
    this.snapshotReads = [];
    this.confirmedReads = [];
    this.failedReads = [];
    this.installedSnapshot = undefined;
    this.changeOutcome = undefined;
    return {
      messages,
      logReads,
      snapshotReads,
      confirmedReads,
      failedReads,
      installedSnapshot,
      changeOutcome,
    };
  }

  /** Lets entries go from memory that are on the disk and were handed out, as the option says. */
  freeMemory(): void {
    const index = Math.min(this.handedIndex, this.persistence.durableIndex);
    this.log.letGo(index, this.options.maxLogCacheBytes);
  }

  /**
   * A voter that is alone has nobody to wait for, unless others voted not long ago: then one of them may still lead, and rely on
   * this server's vote lease. Not if this server has voted for itself: nobody else has led since it is alone.
   */
  #isSafelyAlone({ mayDisturbLeader }: { readonly mayDisturbLeader: boolean }): boolean {
    if (mayDisturbLeader && this.#hardState.votedFor !== this.id) return false;
    const placed = this.log.configurations.from(this.commitIndex);
    return placed.every(({ configuration }) => hasVoterAlone(configuration, this.id));
  }
}
