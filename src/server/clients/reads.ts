/**
 * When a command that writes nothing may be answered from the state as it is, and where it waits until then (thesis 6.4).
 *
 * A read is answered at once while the leader's lease lasts and its client has nothing pending. Else it waits with the
 * commands before it, or for the confirmation that this server led when the read came in. Keys that have outlived their deadline
 * are hidden from it, and their removal by a later stamp is not waited for: no write may be able to commit.
 */

import type { LogTime } from '../../log-time.js';
import type { AppliedState } from '../applied-state.js';
import type { Consensus } from '../consensus.js';
import type { ClientConnection, PendingCommand } from './client-connection.js';
import type { PendingGroups } from './pending-groups.js';
import type { Proposals } from './proposals.js';

export interface ReadsOptions {
  readonly logTime: LogTime;
  readonly raft: Consensus;
  readonly state: AppliedState;
  readonly groups: PendingGroups;
  readonly proposals: Proposals;
}

export class Reads {
  readonly #logTime: LogTime;
  readonly #raft: Consensus;
  readonly #state: AppliedState;
  readonly #groups: PendingGroups;
  readonly #proposals: Proposals;
  #holdsAll = false;
  #areFree = false;

  constructor({ logTime, raft, state, groups, proposals }: ReadsOptions) {
    this.#logTime = logTime;
    this.#raft = raft;
    this.#state = state;
    this.#groups = groups;
    this.#proposals = proposals;
  }

  /** Whether the state has and shows all that was acknowledged until `nowMs`: reads may be answered from it. */
  isCurrent(nowMs: number): boolean {
    return this.#holdsAllAt(nowMs) && !this.#isOutlived;
  }

  /** Commands that came in before `nowMs` are about to be taken. Nothing may be applied until all of them are. */
  prepare(nowMs: number): void {
    this.#holdsAll = this.#holdsAllAt(nowMs);
    this.#areFree = this.#holdsAll && !this.#isOutlived;
  }

  /** Whether the state is current for what came in before {@link prepare}. */
  get areFree(): boolean {
    return this.#areFree;
  }

  /**
   * Whether the read of `key`, or of unknown keys (`key` is undefined), need not wait for anything. What the read must not see
   * is hidden from it.
   */
  isFree(command: PendingCommand, key: string | undefined): boolean {
    if (command.client.pendingCount > 1) return false;
    if (this.#areFree) return true;
    if (!this.#holdsAll || this.#mayBeKept(key)) return false;
    command.asOfMs = this.#logTime.nowMs();
    return true;
  }

  /** The read of `key`, or of unknown keys (`key` is undefined), has to wait. */
  wait(command: PendingCommand, key: string | undefined, nowMs: number): void {
    const { client } = command;
    command.asOfMs = this.#logTime.nowMs();
    if (client.pendingCount > 1 || this.#mayBeKept(key)) {
      command.reservedBytes = key === undefined ? 0 : this.#largestValue(key, client);
      client.addUnread(command.reservedBytes);
      this.queue(command);
      return;
    }
    const { last } = this.#groups;
    if (last?.gate.kind === 'read' && last.gate.confirmedIndex === undefined && last.sinceMs === nowMs) {
      this.#groups.join(last, command);
      return;
    }
    this.#raft.read(this.#groups.addRead(command, nowMs), nowMs);
  }

  /**
   * Puts the command after everything that is pending: into the last group, unless that group's entry is already committed. It
   * would not prove that this server still led when the read came.
   */
  queue(command: PendingCommand): void {
    command.asOfMs = this.#logTime.nowMs();
    const { last } = this.#groups;
    const mayJoin = this.#proposals.commandCount === 0 && this.#groups.lastIsUnproven(this.#raft.commitIndex);
    if (last !== undefined && mayJoin) this.#groups.join(last, command);
    else this.#proposals.addRead(command);
  }

  #holdsAllAt(nowMs: number): boolean {
    const raft = this.#raft;
    return raft.isServing && nowMs < raft.leaseEndMs && this.#state.position.index >= raft.commitIndex;
  }

  /**
   * Whether a pending write with an earlier stamp may still find an expired key: this key, if given. Such a write may even take
   * the deadline away, so the key lives on.
   */
  #mayBeKept(key: string | undefined): boolean {
    if (!this.#isOutlived || this.#proposals.lastWriteIndex <= this.#state.position.index) return false;
    if (key === undefined) return true;
    const { store } = this.#state;
    return store.value(key) !== undefined && this.#state.value(key, this.#logTime.nowMs()) === undefined;
  }

  get #isOutlived(): boolean {
    return this.#state.hasOutlivedKey(this.#logTime.nowMs());
  }

  /** How large the key's value may be once what the client has pending is done. */
  #largestValue(key: string, { largestWriteBytes }: ClientConnection): number {
    return Math.max(this.#state.store.value(key)?.length ?? 0, largestWriteBytes);
  }
}
