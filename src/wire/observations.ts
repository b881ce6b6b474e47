/**
 * What a server shows of itself to somebody who watches: a sample of its messages, and the end of its log.
 */

import type { LogIndex, Message, RoleName, ServerId, SlotId, Term } from '../raft/types.js';

/** What a server is to those who look at it. A learner is a follower whose vote does not count, as far as it knows. */
export type ShownRole = RoleName | 'learner';

/** One message, or several of a kind. Times are in ms of the monotonic clock that all threads share. */
export interface ObservedMessage {
  readonly type: Message['type'];
  readonly from: ServerId;
  readonly to: ServerId;
  readonly term: Term;
  readonly atMs: number;
  /** How late an injected fault makes it; 0 without a fault. */
  readonly delayMs: number;
  /** Whether an injected fault has lost it. */
  readonly isLost: boolean;
  /** Whether the answer grants a vote or accepts entries; undefined for a message that is no such answer. */
  readonly isGranted: boolean | undefined;
  /** How many messages it stands for, and what is in all of them. */
  count: number;
  entries: number;
  byteLength: number;
}

/** The last entries of a log. */
export interface LogTail {
  /** The index before the first of them. */
  readonly start: LogIndex;
  /** The terms of the entries, as runs: term and number of entries. */
  readonly terms: readonly (readonly [term: Term, count: number])[];
  /** The size of each entry's payload. */
  readonly byteLengths: readonly number[];
}

/** The configuration in force at a server, by slots in rising order, and how far a change of it is, as a leader knows. */
export interface ObservedMembers {
  /** Who votes; in a joint configuration, the new half. */
  readonly voters: readonly SlotId[];
  /** The old half of a joint configuration; otherwise empty. */
  readonly outgoing: readonly SlotId[];
  /** Slots of which the new half has another server than the old half. */
  readonly replaced: readonly SlotId[];
  readonly learners: readonly ObservedLearner[];
  /** Null while no change is under way, and at a server that does not lead. */
  readonly step: 'learning' | 'deciding' | 'giving up' | null;
  /** Members that the change waits for. */
  readonly waitsFor: readonly SlotId[];
}

/** A new server that does not vote yet, and how much of the log it has, from 0 to 1. */
export interface ObservedLearner {
  readonly id: SlotId;
  readonly caughtUp: number;
}
