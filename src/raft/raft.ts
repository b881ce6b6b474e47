/**
 * The consensus core of one server: a state machine that is told what happened and says what to do.
 *
 * It does no I/O and has no timers, clock or randomness of its own. Inputs are {@link Raft.tick}, {@link Raft.step},
 * {@link Raft.propose}, {@link Raft.read}, {@link Raft.transferLeadership}, {@link Raft.persisted} and what happened
 * to links and snapshots; after any number of them {@link Raft.takeOutput} returns what the driver has to do. The
 * driver passes the time, in ms of a clock that never goes back, with every input that depends on it.
 */

import { Core } from './core.js';
import {
  campaign,
  candidatePersisted,
  isBoundToLeader,
  onPreVote,
  onPreVoteResponse,
  onRequestVote,
  onRequestVoteResponse,
  onTimeoutNow,
  respondToVote,
  startSuccession,
} from './election.js';
import { LOG_ORIGIN } from './log.js';
import { reachedByMajority } from './quorum.js';
import { addRead, isServing, leaseEndMs } from './reads.js';
import {
  broadcastHeartbeat,
  leaderPersisted,
  onAppendEntries,
  onAppendEntriesResponse,
  refuseStale,
  replicate,
} from './replication.js';
import type { Leader } from './roles.js';
import { onInstallSnapshot, onInstallSnapshotResponse, snapshotInstalled } from './snapshot.js';
import { expireTransfer, startTransfer } from './transfer.js';
import type {
  Entry,
  HardState,
  LogIndex,
  LogPosition,
  Message,
  Output,
  RaftDependencies,
  RaftOptions,
  RecoveredState,
  RoleName,
  ServerId,
  SnapshotMeta,
  Term,
} from './types.js';

export class Raft {
  readonly #core: Core;

  /**
   * Starts as a follower (§5.2). A server that has been in a cluster before refuses its vote for one election
   * timeout: it may have promised a leader's lease just before it went down.
   */
  constructor(
    options: RaftOptions,
    dependencies: RaftDependencies,
    recovered: RecoveredState,
    nowMs: number,
  ) {
    this.#core = new Core(options, dependencies, recovered, nowMs);
  }

  get id(): ServerId {
    return this.#core.id;
  }

  get role(): RoleName {
    return this.#core.role.name;
  }

  /** The leader of the current term, as far as this server knows. */
  get leader(): ServerId | undefined {
    return this.#core.leader;
  }

  get hardState(): HardState {
    return this.#core.hardState;
  }

  get currentTerm(): Term {
    return this.#core.currentTerm;
  }

  get commitIndex(): LogIndex {
    return this.#core.commitIndex;
  }

  /** The last entry of the log in memory. */
  get lastLog(): LogPosition {
    return this.#core.log.last;
  }

  /** Everything in the log up to here survives a crash. */
  get durableIndex(): LogIndex {
    return this.#core.persistence.durableIndex;
  }

  /** The newest snapshot on disk reaches this far; 0 without one. */
  get snapshotIndex(): LogIndex {
    return this.#core.snapshot?.index ?? LOG_ORIGIN.index;
  }

  /** Just before the first entry that the log still holds. */
  get logStart(): LogPosition {
    return this.#core.log.start;
  }

  /** Whether this server leads and has committed an entry of its own term, so that it answers reads. */
  get isServing(): boolean {
    const { role } = this.#core;
    return role.name === 'leader' && isServing(this.#core, role);
  }

  /** Whether proposals are refused for now because leadership is being handed over. */
  get isTransferring(): boolean {
    const { role } = this.#core;
    return role.name === 'leader' && role.transfer.state === 'pending';
  }

  /** Until when this leader answers reads without asking, in ms; in the past when it does not. */
  get leaseEndMs(): number {
    const { role } = this.#core;
    return role.name === 'leader' ? leaseEndMs(this.#core, role) : Number.NEGATIVE_INFINITY;
  }

  /** When {@link tick} has something to do next, in ms. Earlier calls do no harm. */
  get deadlineMs(): number {
    const { role, electionDeadlineMs } = this.#core;
    return role.name === 'leader' ? role.nextHeartbeatMs : electionDeadlineMs;
  }

  /** Entries of the log in [from, to]: for inspection. Throws InvariantError for compacted ones. */
  entries(from: LogIndex, to: LogIndex): readonly Entry[] {
    return this.#core.log.slice(from, to);
  }

  /** Time has passed: campaigns, sends heartbeats, steps down, whatever is due. */
  tick(nowMs: number): void {
    const core = this.#core;
    this.#advanceClock(nowMs);
    const { role } = core;
    if (role.name === 'leader') this.#tickLeader(role);
    else if (core.nowMs >= core.electionDeadlineMs && core.installing === undefined) campaign(core);
  }

  /** A message arrived. Late, repeated and outdated ones do no harm. */
  step(message: Message, nowMs: number): void {
    this.#advanceClock(nowMs);
    if (!this.#checkTerm(message)) return;
    switch (message.type) {
      case 'PreVote':
        onPreVote(this.#core, message);
        return;
      case 'PreVoteResponse':
        onPreVoteResponse(this.#core, message);
        return;
      case 'RequestVote':
        onRequestVote(this.#core, message);
        return;
      case 'RequestVoteResponse':
        onRequestVoteResponse(this.#core, message);
        return;
      case 'AppendEntries':
        this.#heardFromLeader(message.from);
        onAppendEntries(this.#core, message);
        return;
      case 'AppendEntriesResponse':
        onAppendEntriesResponse(this.#core, message);
        return;
      case 'InstallSnapshot':
        this.#heardFromLeader(message.from);
        onInstallSnapshot(this.#core, message);
        return;
      case 'InstallSnapshotResponse':
        onInstallSnapshotResponse(this.#core, message);
        return;
      case 'TimeoutNow':
        onTimeoutNow(this.#core, message);
        return;
    }
  }

  /**
   * Appends an entry with this payload, which must not be empty, to the leader's log. Returns where, or undefined
   * when this server does not lead or is handing over: then nothing happened and the payload may go elsewhere.
   */
  propose(payload: Uint8Array): LogPosition | undefined {
    const { role, log, currentTerm } = this.#core;
    if (role.name !== 'leader' || role.transfer.state === 'pending') return undefined;
    log.append({ index: log.lastIndex + 1, term: currentTerm, payload });
    return log.last;
  }

  /**
   * Registers a group of reads under a number of the driver's choice. It comes back in `confirmedReads` or
   * `failedReads` of an output.
   */
  read(readId: number, nowMs: number): void {
    this.#advanceClock(nowMs);
    addRead(this.#core, readId);
  }

  /** Starts to hand leadership to `target`. Throws TransferError when this server does not lead it. */
  transferLeadership(target: ServerId, nowMs: number): void {
    this.#advanceClock(nowMs);
    startTransfer(this.#core, target);
  }

  /** The persist requests up to this sequence number survive a crash from now on. */
  persisted(sequence: number, nowMs: number): void {
    this.#advanceClock(nowMs);
    const { released, installed } = this.#core.persistence.persisted(sequence);
    this.#core.messages.push(...released);
    for (const chunk of installed) snapshotInstalled(this.#core, chunk);
    candidatePersisted(this.#core);
    leaderPersisted(this.#core);
  }

  /** The link to `peer` is new: nothing that was sent before arrives any more. */
  linkOpened(peer: ServerId, nowMs: number): void {
    this.#advanceClock(nowMs);
    const { role, log } = this.#core;
    if (role.name !== 'leader') return;
    role.progress.get(peer)?.restart(log.lastIndex + 1);
    role.nextHeartbeatMs = this.#core.nowMs;
  }

  /**
   * The link to `peer` closed, so that server has stopped serving. If it was the leader, its lease is over and a
   * successor may be elected at once.
   */
  linkClosed(peer: ServerId, nowMs: number): void {
    this.#advanceClock(nowMs);
    const core = this.#core;
    if (core.promise.to !== peer) return;
    core.promise = { to: undefined, untilMs: core.nowMs };
    if (core.role.name !== 'leader') startSuccession(core, peer);
  }

  /**
   * The driver's state machine is safe on disk up to `snapshot`, and the log on disk starts behind `logStart`, which
   * is not behind the snapshot.
   */
  compacted(snapshot: SnapshotMeta, logStart: LogIndex): void {
    this.#core.keepNewest(snapshot);
    this.#core.log.compactTo(Math.min(logStart, snapshot.index));
  }

  /** What the driver has to do now. Each thing is handed out once. */
  takeOutput(): Output {
    const core = this.#core;
    if (core.role.name === 'leader') replicate(core, core.role);
    const { persist, free } = core.persistence.takeRequests(core.hardState, core.log);
    const messages = [...core.messages, ...free];
    const { confirmedReads, failedReads, installedSnapshot } = core;
    const committed =
      core.commitIndex > core.handedIndex ? core.log.slice(core.handedIndex + 1, core.commitIndex) : [];
    core.handedIndex = core.commitIndex;
    core.messages = [];
    core.confirmedReads = [];
    core.failedReads = [];
    core.installedSnapshot = undefined;
    return { persist, messages, committed, installedSnapshot, confirmedReads, failedReads };
  }

  #tickLeader(role: Leader): void {
    const core = this.#core;
    const lastHeard = [...role.progress.values()].map((progress) => progress.lastHeardMs);
    if (core.nowMs >= reachedByMajority([core.nowMs, ...lastHeard]) + core.options.electionTimeoutMs) {
      // Check-quorum (thesis 6.2): a leader that hears from no majority must not keep its clients waiting.
      core.becomeFollower(undefined);
      return;
    }
    expireTransfer(core, role);
    if (core.nowMs >= role.nextHeartbeatMs) broadcastHeartbeat(core, role);
  }

  /**
   * Compares the message's term with the current one (figure 2, "rules for all servers"): a later one is entered, a
   * message of an earlier one is refused. Returns whether the message is to be processed.
   */
  #checkTerm(message: Message): boolean {
    const core = this.#core;
    if (message.term < core.currentTerm) {
      this.#refuseOldTerm(message);
      return false;
    }
    if (message.term === core.currentTerm) return true;
    switch (message.type) {
      case 'PreVote':
        return true;
      case 'PreVoteResponse':
        if (!message.voteGranted) core.followTerm(message.term, undefined);
        return message.voteGranted;
      case 'RequestVote':
        if (!message.leaseIsOver && isBoundToLeader(core)) return false;
        core.followTerm(message.term, undefined);
        return true;
      default:
        core.followTerm(message.term, undefined);
        return true;
    }
  }

  #refuseOldTerm(message: Message): void {
    switch (message.type) {
      case 'PreVote':
        onPreVote(this.#core, message);
        return;
      case 'RequestVote':
        respondToVote(this.#core, message.from, { voteGranted: false });
        return;
      case 'AppendEntries':
      case 'InstallSnapshot':
        refuseStale(this.#core, message.from, message.probe);
        return;
      default:
        return;
    }
  }

  /** The current term's leader is alive: it is followed, and no other gets this server's vote for a while. */
  #heardFromLeader(leader: ServerId): void {
    const core = this.#core;
    core.becomeFollower(leader);
    core.succession = undefined;
    core.promise = { to: leader, untilMs: core.nowMs + core.options.electionTimeoutMs };
    core.resetElectionTimer();
  }

  #advanceClock(nowMs: number): void {
    this.#core.nowMs = Math.max(this.#core.nowMs, nowMs);
  }
}
