/**
 * The consensus core of one server: a state machine that is told what happened and says what to do.
 *
 * It does no I/O and has no timers, clock or randomness of its own. Its driver works in turns: it passes in whatever has
 * happened ({@link Raft.tick}, {@link Raft.step}, {@link Raft.propose}, {@link Raft.read}, {@link Raft.transferLeadership},
 * {@link Raft.persisted}, links, snapshots), then calls {@link Raft.sendDue} once, so that each follower gets one message for
 * all of it, and does what {@link Raft.takeOutput} returns. The time comes in with every input that depends on it, in ms of
 * a clock that never goes back.
 */

import { forgetRemoved } from './append-configuration.js';
import { type ChangeStatus, changeStatus } from './change-status.js';
import { stepDownWithoutQuorum } from './check-quorum.js';
import { countOwnDisk } from './commit.js';
import { Core } from './core.js';
import { countOwnVoteOnDisk } from './election.js';
import { askLeader, sendReadRequest } from './follower-reads.js';
import { sendHeartbeats, sendHeartbeatsIfDue } from './heartbeat.js';
import { isSendingSnapshot, onSnapshotRead, snapshotInstalled } from './install-snapshot.js';
import { takeNextStep } from './joint-consensus.js';
import { leaseEndMs } from './leader-lease.js';
import { continueTransfer, expireTransfer, startTransfer } from './leadership-transfer.js';
import { LOG_ORIGIN } from './log.js';
import { isNoOpCommitted } from './no-op.js';
import { campaign } from './pre-vote.js';
import { type RaftDependencies, type RaftOptions, validateOptions } from './raft-options.js';
import { addRead } from './read-index.js';
import { receive } from './receive.js';
import { finishLeaving } from './removed-leader.js';
import { onEntriesRead, sendDueAppends } from './replication.js';
import type { Leader } from './roles.js';
import { handOver, refrain } from './stalled-disk.js';
import { startChange } from './start-change.js';
import { startSuccession } from './succession.js';
import { takeBackIfHopeless } from './take-back-change.js';
import type {
  Configuration,
  Entry,
  HardState,
  LogIndex,
  LogPosition,
  Member,
  Message,
  Output,
  RecoveredState,
  RoleName,
  ServerId,
  SnapshotMeta,
  Term,
} from './types.js';
import { endVoteLease } from './vote-lease.js';

/** Why a server takes no proposal: another one may, or this one later. */
export type ProposalRefusal = 'not leading' | 'handing over' | 'own disk stalled' | 'too much uncommitted';

export class Raft {
  readonly #core: Core;

  /**
   * Starts as a follower (§5.2). A server that has been in a cluster before refuses its vote for one election timeout: a
   * leader may rely on it, see vote-lease.ts. Throws RaftOptionsError.
   */
  constructor(
    options: RaftOptions,
    dependencies: RaftDependencies,
    recovered: RecoveredState,
    nowMs: number,
  ) {
    validateOptions(options);
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

  /** The configuration in force: that of the last entry which has one, committed or not (thesis 4.1). */
  get configuration(): Configuration {
    return this.#core.configuration;
  }

  /** The configuration in force at this index. Throws InvariantError for an index before the newest snapshot's. */
  configurationAt(index: LogIndex): Configuration {
    return this.#core.log.configurations.at(index);
  }

  /** How far a change of members has got, as far as this server drives it. */
  get changeStatus(): ChangeStatus | undefined {
    const { role } = this.#core;
    return role.name === 'leader' ? changeStatus(this.#core, role) : undefined;
  }

  /** Just before the first entry that the log still holds. */
  get logStart(): LogPosition {
    return this.#core.log.start;
  }

  /** Whether this server leads and its no-op is committed, so that it answers reads. */
  get isServing(): boolean {
    const { role } = this.#core;
    return role.name === 'leader' && isNoOpCommitted(this.#core, role);
  }

  /** Why a proposal would be refused now; undefined when it would be accepted. */
  get proposalRefusal(): ProposalRefusal | undefined {
    const { role, options } = this.#core;
    if (role.name !== 'leader') return 'not leading';
    if (role.transfer.state !== 'none') return 'handing over';
    if (this.#core.isDiskStalled) return 'own disk stalled';
    return role.unsettledBytes >= options.maxUncommittedBytes ? 'too much uncommitted' : undefined;
  }

  /** Whether a follower is being sent a snapshot. A newer one would have it begin anew. */
  get isSendingSnapshot(): boolean {
    return isSendingSnapshot(this.#core);
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

  /** The term of the log's entry at `index`; undefined before its start and after its end. */
  termAt(index: LogIndex): Term | undefined {
    return this.#core.log.termAt(index);
  }

  /** Entries of the log in [from, to], as far as they are in memory: for inspection. */
  entries(from: LogIndex, to: LogIndex): readonly Entry[] {
    return this.#core.log.held(from, to);
  }

  /** Time has passed: campaigns, sends heartbeats, steps down, whatever is due. */
  tick(nowMs: number): void {
    const core = this.#core;
    this.#advanceClock(nowMs);
    const { role } = core;
    if (role.name === 'leader') this.#tickLeader(role);
    else if (core.nowMs >= core.electionDeadlineMs && core.installing === undefined) {
      if (!core.mayCampaign) core.resetElectionTimer();
      else if (core.isDiskStalled) refrain(core);
      else campaign(core);
    }
  }

  /** A message arrived. Late, repeated and outdated ones do no harm. */
  step(message: Message, nowMs: number): void {
    this.#advanceClock(nowMs);
    receive(this.#core, message);
  }

  /**
   * Appends an entry with this payload, which must not be empty, to the leader's log. Returns where, or undefined when
   * {@link proposalRefusal} tells a reason: then nothing happened and the payload may go elsewhere.
   */
  propose(payload: Uint8Array): LogPosition | undefined {
    const { role, log, currentTerm } = this.#core;
    if (role.name !== 'leader' || this.proposalRefusal !== undefined) return undefined;
    role.unsettledBytes += payload.byteLength;
    log.append({ index: log.lastIndex + 1, term: currentTerm, payload });
    return log.last;
  }

  /**
   * Registers a group of reads under a number of the driver's choice. It comes back in `confirmedReads` or
   * `failedReads` of an output. A server that does not lead asks the leader.
   */
  read(readId: number, nowMs: number): void {
    this.#advanceClock(nowMs);
    const { role } = this.#core;
    if (role.name === 'leader') addRead(this.#core, role, { type: 'driver', readId });
    else askLeader(this.#core, readId);
  }

  /** The number of the next request to the leader. Reads that come in while this number is the same share one request. */
  get nextReadRequest(): number {
    return this.#core.followerReads.nextRequest;
  }

  /** Whether {@link sendDue} would ask the leader about reads. */
  get mustAskLeader(): boolean {
    return this.#core.followerReads.isDue;
  }

  /** Starts to hand leadership to `target`. Throws TransferError when this server does not lead it. */
  transferLeadership(target: ServerId, nowMs: number): void {
    this.#advanceClock(nowMs);
    startTransfer(this.#core, target);
  }

  /**
   * Begins to change the voters to exactly these, who may be new and then learn first (thesis 4.2.1, 4.3). What becomes of it
   * comes as `changeOutcome` of an output. Throws MembersError, and has changed nothing then.
   */
  changeMembers(voters: readonly Member[], nowMs: number): void {
    this.#advanceClock(nowMs);
    startChange(this.#core, voters);
  }

  /** The persist requests up to this sequence number survive a crash from now on. */
  persisted(sequence: number, nowMs: number): void {
    this.#advanceClock(nowMs);
    const { released, installed } = this.#core.persistence.persisted(sequence, this.#core.nowMs);
    this.#core.messages.push(...released);
    for (const chunk of installed) snapshotInstalled(this.#core, chunk);
    countOwnVoteOnDisk(this.#core);
    countOwnDisk(this.#core);
    const { role } = this.#core;
    if (role.name === 'leader') continueTransfer(this.#core, role);
  }

  /** What `logReads` asked for was read: the first ones of those entries, or none where they are compacted. */
  entriesRead(readId: number, entries: readonly Entry[], nowMs: number): void {
    this.#advanceClock(nowMs);
    onEntriesRead(this.#core, readId, entries);
  }

  /** What `snapshotReads` asked for was read; undefined where that snapshot is no longer kept. */
  snapshotRead(readId: number, data: Uint8Array | undefined, nowMs: number): void {
    this.#advanceClock(nowMs);
    onSnapshotRead(this.#core, readId, data);
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
    if (core.voteLease.leader !== peer) return;
    endVoteLease(core);
    if (core.role.name !== 'leader') startSuccession(core, peer);
  }

  /** The state machine is on disk up to `snapshot`, and the log on disk starts after `logStart`, at most the snapshot's index. */
  compacted(snapshot: SnapshotMeta, logStart: LogIndex): void {
    this.#core.keepNewest(snapshot);
    this.#core.log.compactTo(Math.min(logStart, snapshot.index));
  }

  /**
   * To be called once a turn, after all that has happened was passed in. A leader
   * - takes the next step of a change of members;
   * - sends its followers what they lack, as far as limits allow;
   * - sends a round of heartbeats if reads wait for one.
   * Any other server asks the leader about reads.
   */
  sendDue(): void {
    const core = this.#core;
    const { role } = core;
    if (role.name !== 'leader') {
      sendReadRequest(core);
      return;
    }
    takeNextStep(core, role);
    if (role.reads.needsRound) sendHeartbeats(core, role);
    else sendDueAppends(core, role);
    finishLeaving(core, role);
  }

  /** What the driver has to do now. Each thing is handed out once. */
  takeOutput(): Output {
    const core = this.#core;
    const { persist, free } = core.persistence.takeRequests(core.hardState, core.log, core.nowMs);
    core.messages.push(...free);
    const committed =
      core.commitIndex > core.handedIndex ? core.log.slice(core.handedIndex + 1, core.commitIndex) : [];
    core.handedIndex = core.commitIndex;
    core.freeMemory();
    return { persist, committed, ...core.takeQueued() };
  }

  #tickLeader(role: Leader): void {
    const core = this.#core;
    takeBackIfHopeless(core, role);
    stepDownWithoutQuorum(core, role);
    if (core.role !== role) return;
    if (core.nowMs >= role.forgetRemovedAtMs) forgetRemoved(core, role);
    expireTransfer(core, role);
    if (core.isDiskStalled) handOver(core, role);
    sendHeartbeatsIfDue(core, role);
  }

  #advanceClock(nowMs: number): void {
    this.#core.nowMs = Math.max(this.#core.nowMs, nowMs);
  }
}
