/**
 * The open entry: the writes that go into the log together, and when they do.
 *
 * While the disk is busy more writes join it, and a small one may be delayed for clients that are about to come back: see
 * {@link GroupCommitDelay}. What is read between two writes of an entry waits in its place among them.
 */

import assert from 'node:assert/strict';
import { MAX_DELAYED_ENTRY_BYTES, MAX_ENTRY_BYTES, MAX_TRANSACTION_BYTES } from '../../limits.js';
import type { LogTime } from '../../log-time.js';
import type { Command } from '../../protocol/command.js';
import type { LogIndex } from '../../raft/types.js';
import { BatchEncoder } from '../../state-machine/batch-encoder.js';
import type { AppliedState } from '../applied-state.js';
import type { Consensus } from '../consensus.js';
import type { ServerMetrics } from '../server-metrics.js';
import type { ClientConnection, PendingCommand } from './client-connection.js';
import { GroupCommitDelay } from './group-commit-delay.js';
import type { PendingGroups } from './pending-groups.js';

export interface ProposalsOptions {
  readonly logTime: LogTime;
  readonly raft: Consensus;
  readonly state: AppliedState;
  /** Where an entry's commands wait once it is proposed. */
  readonly groups: PendingGroups;
  readonly metrics: ServerMetrics;
  /** What the ids of all sessions contain that this cluster opens. */
  readonly sessionName: string;
}

export class Proposals {
  readonly #logTime: LogTime;
  readonly #raft: Consensus;
  readonly #state: AppliedState;
  readonly #groups: PendingGroups;
  readonly #metrics: ServerMetrics;
  readonly #delay = new GroupCommitDelay();
  /** The open entry: its writes are in the encoder, and in this list with what is read between them. */
  readonly #encoder: BatchEncoder;
  #open: PendingCommand[] = [];
  /** The last proposed entry, while it is unanswered; else 0. */
  #inFlightIndex: LogIndex = 0;
  #lastStampMs = 0;
  #hasWrites = false;
  #lastWriteIndex: LogIndex = 0;

  constructor({ logTime, raft, state, groups, metrics, sessionName }: ProposalsOptions) {
    this.#encoder = new BatchEncoder(sessionName);
    this.#logTime = logTime;
    this.#raft = raft;
    this.#state = state;
    this.#groups = groups;
    this.#metrics = metrics;
  }

  /** Commands in the open entry, and between its writes. */
  get commandCount(): number {
    return this.#open.length;
  }

  /** When the oldest command was taken that is in the open entry, in ms; undefined when it is empty. */
  get waitingSinceMs(): number | undefined {
    return this.#open[0]?.takenAtMs;
  }

  /** The last proposed entry with a write in it; 0 without one since this server leads. */
  get lastWriteIndex(): LogIndex {
    return this.#lastWriteIndex;
  }

  /** Whether a write was taken that is not applied. */
  get hasPendingWrite(): boolean {
    return this.#hasWrites || this.#lastWriteIndex > this.#state.position.index;
  }

  /** Whether the open entry takes no more writes. */
  get isFull(): boolean {
    return this.#encoder.byteLength >= MAX_ENTRY_BYTES || this.#encoder.isUnfinished;
  }

  /** Whether {@link propose} has something to do at once: a part of a long write is not in the open entry. */
  get isDue(): boolean {
    return this.#encoder.isUnfinished;
  }

  /** When {@link propose} has something to do next although nothing happens before; infinity when it has not. */
  deadlineMs(nowMs: number): number {
    const deadlineMs = this.#delay.deadlineMs(nowMs) ?? Number.POSITIVE_INFINITY;
    const { nextDeadlineMs } = this.#state.store;
    if (this.#mustRemoveMore) return nowMs;
    const mayPropose = this.#raft.isServing && this.#raft.proposalRefusal === undefined;
    if (nextDeadlineMs === undefined || !mayPropose || this.#hasStampFor(nextDeadlineMs)) return deadlineMs;
    return Math.min(deadlineMs, nowMs + Math.max(0, nextDeadlineMs - this.#logTime.nowMs()));
  }

  /** Adds a write to the open entry, with the command that waits for its result. */
  addWrite(command: PendingCommand, write: Command): void {
    // A write may come while a long one is half encoded: finish that first.
    while (this.#encoder.isUnfinished) this.#encoder.goOn();
    const before = this.#encoder.byteLength;
    const { client } = command;
    const { dedupeKey } = client;
    if (dedupeKey === undefined) this.#encoder.endDedupe();
    else this.#encoder.dedupe(dedupeKey, client.connection, dedupeKey.place + command.endOffset);
    this.#encoder.add(write);
    this.#hasWrites = true;
    const byteLength = this.#encoder.isUnfinished ? MAX_TRANSACTION_BYTES : this.#encoder.byteLength - before;
    client.largestWriteBytes = Math.max(client.largestWriteBytes, byteLength);
    this.#open.push(command);
  }

  /** The command, which writes nothing, is answered between applying the write before and the one after it. */
  addRead(command: PendingCommand): void {
    this.#open.push(command);
  }

  /** Proposes the open entry, unless it is better to let more come: while the disk is busy, or others are about to. */
  propose(nowMs: number, { isDiskBusy }: { readonly isDiskBusy: boolean }): void {
    if (this.#encoder.isUnfinished) this.#encoder.goOn();
    if (this.#encoder.isUnfinished || this.#raft.proposalRefusal !== undefined) return;
    if (!this.#mustMoveClock) {
      if (this.#open.length === 0) return;
      if (!this.isFull && (isDiskBusy || this.#isDelayed(nowMs))) return;
    }
    this.#proposeNow(nowMs);
  }

  /** The entry at this index is about to be answered. */
  applied(index: LogIndex, nowMs: number): void {
    if (index !== this.#inFlightIndex) return;
    this.#inFlightIndex = 0;
    this.#delay.applied(nowMs);
  }

  /** A write of the client was answered. */
  answered(client: ClientConnection): void {
    this.#delay.answered(client);
  }

  /** The client sends something, or is gone. */
  cameBack(client: ClientConnection): void {
    this.#delay.cameBack(client);
  }

  /** Gives the open entry up, and returns its commands, which were not proposed. */
  withdraw(): readonly PendingCommand[] {
    const unproposed = this.#open;
    this.#open = [];
    this.#hasWrites = false;
    this.#encoder.clear();
    this.#delay.cancel();
    return unproposed;
  }

  /** This server leads no more. Returns the commands of the open entry, which were not proposed. */
  abandon(): readonly PendingCommand[] {
    this.#inFlightIndex = 0;
    // The entries that have these stamps may be lost.
    this.#lastStampMs = 0;
    this.#lastWriteIndex = 0;
    return this.withdraw();
  }

  /** Keys have outlived their deadlines, and no entry under way has a stamp that removes them, or all of them. */
  get #mustMoveClock(): boolean {
    const { nextDeadlineMs } = this.#state.store;
    if (this.#mustRemoveMore) return true;
    return (
      nextDeadlineMs !== undefined &&
      !this.#hasStampFor(nextDeadlineMs) &&
      this.#raft.isServing &&
      this.#state.hasOutlivedKey(this.#logTime.nowMs())
    );
  }

  /** An entry removes a limited number of expired keys: the next one has to follow. */
  get #mustRemoveMore(): boolean {
    return (
      this.#state.store.hasExpired &&
      this.#inFlightIndex === 0 &&
      this.#raft.isServing &&
      this.#raft.proposalRefusal === undefined
    );
  }

  /** Whether an entry was proposed whose stamp removes keys with this deadline. */
  #hasStampFor(deadlineMs: number): boolean {
    return this.#lastStampMs >= deadlineMs;
  }

  #isDelayed(nowMs: number): boolean {
    if (this.#encoder.byteLength >= MAX_DELAYED_ENTRY_BYTES) return false;
    return this.#delay.delay(nowMs, { isInFlight: this.#inFlightIndex > 0 });
  }

  /** Makes a log entry of what is open, even if that is no write at all: it moves the log's clock. */
  #proposeNow(nowMs: number): void {
    const stampMs = Math.max(this.#lastStampMs, this.#state.store.clockMs, this.#logTime.nowMs());
    const payload = this.#encoder.finish(stampMs);
    const position = this.#raft.propose(payload);
    assert(position !== undefined, `an entry was refused: ${this.#raft.proposalRefusal}`);
    this.#metrics.proposals += 1;
    this.#metrics.proposedBytes += payload.byteLength;
    this.#lastStampMs = stampMs;
    this.#delay.proposed(this.#open.length, nowMs);
    this.#inFlightIndex = position.index;
    if (this.#hasWrites) this.#lastWriteIndex = position.index;
    this.#hasWrites = false;
    for (const { client, endOffset } of this.#open) client.proposedOffset = endOffset;
    this.#groups.addEntry(this.#open, { index: position.index, byteLength: payload.byteLength }, nowMs);
    this.#open = [];
  }
}
