/**
 * What all topics of consensus share: one server's state, its clock as last told, and what waits to be taken by
 * the driver. The rules that change it are in the files named after their topics.
 *
 * Invariants: `commitIndex <= log.lastIndex`; terms, `commitIndex` and the clock never go back; `votedFor` changes
 * only along with a rise of the term, except from nobody to somebody.
 */

import { invariant } from './invariant.js';
import { LOG_ORIGIN, RaftLog } from './log.js';
import { Persistence } from './persistence.js';
import type { Role } from './roles.js';
import { rankOf } from './succession.js';
import type {
  ConfirmedRead,
  HardState,
  LogIndex,
  Message,
  RaftDependencies,
  RaftOptions,
  RecoveredState,
  ServerId,
  SnapshotMeta,
  Term,
} from './types.js';

/**
 * After the leader's end was noticed, the others campaign one after the other, so that they do not split the votes: the
 * first at once, and each a step later than the one before. About the time that an election takes.
 */
const SUCCESSION_STEP_MS = 4;

/** The search for a successor of a leader that is known to be dead. */
export interface Succession {
  /** How many servers are to campaign before this one: those between the dead leader's id and its own, in a ring. */
  readonly rank: number;
  /** The term that the dead leader led, if it was the current one when the end was noticed. */
  readonly endedTerm: Term | undefined;
  /** How often this server campaigned: retries start within milliseconds and slow down from there. */
  attempts: number;
}

/**
 * A promise to refuse votes until a time, given by answering a leader, whose lease builds on it. It ends early
 * when the link to that leader closes: its thread is gone, and its lease with it. A server that has restarted does
 * not know whom it promised.
 */
export interface VotePromise {
  readonly to: ServerId | undefined;
  readonly untilMs: number;
}

export class Core {
  readonly id: ServerId;
  readonly options: RaftOptions;
  readonly dependencies: RaftDependencies;
  /** Every server but this one. */
  readonly peers: readonly ServerId[];
  readonly log: RaftLog;
  readonly persistence: Persistence;

  nowMs: number;
  role: Role;
  commitIndex: LogIndex;
  /** The newest snapshot of this server that is on disk. */
  snapshot: SnapshotMeta | undefined;
  /** A whole snapshot that is being written in place of the log; until it is, no entries are accepted. */
  installing: SnapshotMeta | undefined;
  promise: VotePromise;
  electionDeadlineMs: number;
  /** Undefined while no leader is known to be dead. */
  succession: Succession | undefined;

  /** Committed entries up to here were handed to the driver. */
  handedIndex: LogIndex;
  installedSnapshot: SnapshotMeta | undefined;
  messages: Message[] = [];
  confirmedReads: ConfirmedRead[] = [];
  failedReads: number[] = [];

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
    this.peers = options.servers.filter((id) => id !== options.id);
    invariant(this.peers.length + 1 === options.servers.length, `server ${options.id} is not in its cluster`);
    this.log = new RaftLog(recovered.logStart, recovered.entries);
    this.snapshot = recovered.snapshot;
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
    this.role = { name: 'follower', leader: undefined, incoming: undefined };
    const isNew = recovered.hardState.currentTerm === 0 && this.log.lastIndex === 0;
    const isBound = !isNew && options.leasesAreOver !== true;
    this.promise = { to: undefined, untilMs: isBound ? nowMs + options.electionTimeoutMs : nowMs };
    this.electionDeadlineMs = nowMs + (isBound ? this.#electionDelayMs() : this.#firstElectionDelayMs());
    if (this.peers.length === 0) this.electionDeadlineMs = nowMs;
  }

  get hardState(): HardState {
    return this.#hardState;
  }

  get currentTerm(): Term {
    return this.#hardState.currentTerm;
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

  /** Sends a message that promises nothing which is not on disk already. */
  send(message: Message): void {
    this.messages.push(message);
  }

  /** Sends a message once everything that happened up to now is on disk. */
  sendWhenDurable(message: Message): void {
    this.persistence.hold(message);
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

  /** Becomes a follower of the current term, which has at most one leader; a leader's unanswered reads fail. */
  becomeFollower(leader: ServerId | undefined): void {
    if (this.role.name === 'follower' && this.role.leader === leader) return;
    invariant(
      this.leader === undefined || leader === undefined,
      `two leaders in term ${this.currentTerm}: ${this.leader} and ${leader}`,
    );
    this.#leaveRole();
    this.role = { name: 'follower', leader, incoming: undefined };
    this.resetElectionTimer();
  }

  /** Enters a later term as its follower. */
  followTerm(term: Term, leader: ServerId | undefined): void {
    this.raiseTerm(term);
    this.#leaveRole();
    this.role = { name: 'follower', leader, incoming: undefined };
    this.resetElectionTimer();
  }

  /** Draws a new election timeout: uniform in [T, 2T) (§5.2), much sooner while the leader is known to be dead. */
  resetElectionTimer(): void {
    this.electionDeadlineMs = this.nowMs + this.#electionDelayMs();
  }

  /** The leader's link closed: from now on campaigns are a matter of milliseconds, until there is another leader. */
  startSuccession(deadLeader: ServerId, begun: Pick<Succession, 'endedTerm' | 'attempts'>): void {
    this.succession = { rank: rankOf(this.id, deadLeader, this.options.servers), ...begun };
    this.resetElectionTimer();
  }

  /** Whether this server is the first to campaign after the leader of the current term has ended, and has not yet. */
  get isFirstHeir(): boolean {
    const { succession, currentTerm } = this;
    return succession?.rank === 0 && succession.attempts === 0 && succession.endedTerm === currentTerm;
  }

  /** A snapshot is on disk, in place of the one before unless that reaches further. */
  keepNewest(snapshot: SnapshotMeta): void {
    if (snapshot.index > (this.snapshot?.index ?? 0)) this.snapshot = snapshot;
  }

  /** Everything up to `index` is committed. */
  commitTo(index: LogIndex): void {
    if (index <= this.commitIndex) return;
    invariant(index <= this.log.lastIndex, `commit of ${index}, the log ends at ${this.log.lastIndex}`);
    this.commitIndex = index;
  }

  /** There is no leader that a campaign could disturb: uniform in [T/4, T). */
  #firstElectionDelayMs(): number {
    return (this.options.electionTimeoutMs * (1 + 3 * this.dependencies.random())) / 4;
  }

  #electionDelayMs(): number {
    const { electionTimeoutMs } = this.options;
    const random = this.dependencies.random();
    if (this.succession === undefined) return electionTimeoutMs * (1 + random);
    const { rank, attempts } = this.succession;
    if (attempts === 0) return rank === 0 ? 0 : SUCCESSION_STEP_MS * (rank + (1 + random) / 4);
    const shortest = Math.min(electionTimeoutMs, SUCCESSION_STEP_MS * 2 ** (attempts - 1));
    return shortest * (1 + random);
  }

  #leaveRole(): void {
    if (this.role.name === 'leader') this.failedReads.push(...this.role.reads.takeAll());
  }
}
