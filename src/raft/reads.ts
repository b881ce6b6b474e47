/**
 * Linearizable reads without a log entry (thesis 6.4).
 *
 * A read may be answered from the leader's state machine once it holds everything that was committed when the read
 * came in, provided that the leader was still the leader after that. Two ways to know: the lease, which the
 * answers of a majority grant from the moment the answered message was *sent*; or a round of heartbeats sent after
 * the read came in, shared by all reads of a turn (ReadIndex). A new leader knows what is committed only once an
 * entry of its own term is, so until then reads wait.
 */

import type { Core } from './core.js';
import { reachedByMajority } from './quorum.js';
import type { Leader } from './roles.js';
import type { LogIndex } from './types.js';

interface WaitingRead {
  readonly readId: number;
  readonly index: LogIndex;
  /** An answer to this round, or a later one, from a majority confirms the read. */
  readonly round: number;
}

export class ReadQueue {
  /** Came in before the leader's first own entry was committed. */
  #early: number[] = [];
  /** Wait for a round of heartbeats; rounds do not decrease along the queue. */
  #waiting: WaitingRead[] = [];
  /** A read waits for a round that was not sent yet. */
  needsRound = false;

  addEarly(readId: number): void {
    this.#early.push(readId);
  }

  takeEarly(): readonly number[] {
    const early = this.#early;
    this.#early = [];
    return early;
  }

  add(read: WaitingRead): void {
    this.#waiting.push(read);
    this.needsRound = true;
  }

  /** Removes and returns the reads which are confirmed once a majority answered `round`. */
  takeConfirmed(round: number): readonly WaitingRead[] {
    const end = this.#waiting.findIndex((read) => read.round > round);
    return this.#waiting.splice(0, end === -1 ? this.#waiting.length : end);
  }

  /** Removes and returns every read's id. */
  takeAll(): readonly number[] {
    const all = [...this.takeEarly(), ...this.#waiting.map((read) => read.readId)];
    this.#waiting = [];
    this.needsRound = false;
    return all;
  }
}

/** A group of reads came in. It is answered for in `confirmedReads` or `failedReads`, maybe at once. */
export function addRead(core: Core, readId: number): void {
  const { role } = core;
  if (role.name !== 'leader') {
    core.failedReads.push(readId);
    return;
  }
  if (!isServing(core, role)) {
    role.reads.addEarly(readId);
    return;
  }
  confirmAt(core, role, readId, core.commitIndex);
}

/**
 * The commit index moved: reads that waited for the leader's first own entry go on. That entry is as far as they have to
 * see: whatever was committed when they came in is before it. Entries that the commit index took in along with it were
 * proposed after them, and the driver answers in that order.
 */
export function admitEarlyReads(core: Core, role: Leader): void {
  if (!isServing(core, role)) return;
  for (const readId of role.reads.takeEarly()) confirmAt(core, role, readId, role.termStartIndex);
}

/** Confirms a read of everything up to `index`: at once within the lease, else by a round that is still to be sent. */
function confirmAt(core: Core, role: Leader, readId: number, index: LogIndex): void {
  if (core.nowMs < leaseEndMs(core, role)) core.confirmedReads.push({ readId, index });
  else role.reads.add({ readId, index, round: role.round + 1 });
}

/** Answers came in: reads whose round a majority has answered are confirmed. */
export function confirmReads(core: Core, role: Leader): void {
  const rounds = [...role.progress.values()].map((progress) => progress.answeredRound);
  const round = reachedByMajority([role.round, ...rounds]);
  for (const { readId, index } of role.reads.takeConfirmed(round))
    core.confirmedReads.push({ readId, index });
}

/** Whether an entry of the leader's own term is committed. */
export function isServing(core: Core, role: Leader): boolean {
  return core.commitIndex >= role.termStartIndex;
}

/**
 * Until when no other leader can be elected, in ms of this leader's clock: a majority has promised, for an election
 * timeout from when it got a message that was sent no earlier than this minus `leaseMs`, to refuse its votes
 * (thesis 6.4.1). In the past once the lease was forfeited by a transfer of leadership.
 */
export function leaseEndMs(core: Core, role: Leader): number {
  const { leaseMs } = core.options;
  if (leaseMs === 0 || role.transfer.leaseForfeited) return Number.NEGATIVE_INFINITY;
  const sentAt = [...role.progress.values()].map((progress) => progress.answeredSentAtMs);
  return reachedByMajority([core.nowMs, ...sentAt]) + leaseMs;
}
