/**
 * When a command that writes nothing may be answered from the state as it is, and where it waits until then (thesis 6.4).
 *
 * A read is answered at once while the leader's lease lasts and its client has nothing pending. Else it waits with the
 * commands before it, or for the confirmation that this server led when the read came in.
 */

import type { LogTime } from '../../log-time.js';
import type { Raft } from '../../raft/raft.js';
import type { AppliedState } from '../applied-state.js';
import type { PendingGroups } from './pending-groups.js';
import type { Proposals } from './proposals.js';
import type { PendingCommand, Session } from './session.js';

export interface ReadsOptions {
  readonly logTime: LogTime;
  readonly raft: Raft;
  readonly state: AppliedState;
  readonly groups: PendingGroups;
  readonly proposals: Proposals;
}

export class Reads {
  readonly #logTime: LogTime;
  readonly #raft: Raft;
  readonly #state: AppliedState;
  readonly #groups: PendingGroups;
  readonly #proposals: Proposals;
  #areFree = false;

  constructor({ logTime, raft, state, groups, proposals }: ReadsOptions) {
    this.#logTime = logTime;
    this.#raft = raft;
    this.#state = state;
    this.#groups = groups;
    this.#proposals = proposals;
  }

  /** Whether the state holds, and shows, what every client was told until `nowMs`: reads may be answered from it. */
  isCurrent(nowMs: number): boolean {
    const raft = this.#raft;
    const holdsAll =
      raft.isServing && nowMs < raft.leaseEndMs && this.#state.position.index >= raft.commitIndex;
    return holdsAll && !this.#isOutlived;
  }

  /** Commands that came in before `nowMs` are about to be taken. Nothing may be applied until all of them are. */
  prepare(nowMs: number): void {
    this.#areFree = this.isCurrent(nowMs);
  }

  /** Whether the state is current for what came in before {@link prepare}. */
  get areFree(): boolean {
    return this.#areFree;
  }

  /** The read of `key`, or of keys that are not told, has to wait. */
  wait(command: PendingCommand, key: string | undefined, nowMs: number): void {
    const { session } = command;
    command.asOfMs = this.#logTime.nowMs();
    const isOutlived = this.#isOutlived;
    if (session.pendingCount > 1 || isOutlived) {
      command.reservedBytes = key === undefined ? 0 : this.#largestValue(key, session);
      session.unreadBytes += command.reservedBytes;
      // Only a new entry brings a later stamp.
      if (isOutlived) this.#proposals.addRead(command);
      else this.queue(command);
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
   * Puts the command after everything that is pending: into the last group there is, unless that waits for nothing any
   * more but its turn to be applied. A read that came in after a majority was last heard of would join it unproven.
   */
  queue(command: PendingCommand): void {
    command.asOfMs = this.#logTime.nowMs();
    const { last } = this.#groups;
    const mayJoin = this.#proposals.commandCount === 0 && this.#groups.lastIsUnproven(this.#raft.commitIndex);
    if (last !== undefined && mayJoin) this.#groups.join(last, command);
    else this.#proposals.addRead(command);
  }

  get #isOutlived(): boolean {
    return this.#state.hasOutlivedKey(this.#logTime.nowMs());
  }

  /** How large the key's value may be once what the session has pending is done. */
  #largestValue(key: string, { largestWriteBytes }: Session): number {
    return Math.max(this.#state.store.value(key)?.length ?? 0, largestWriteBytes);
  }
}
