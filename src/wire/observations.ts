/**
 * What a server shows of itself to somebody who watches: a sample of its messages, and the end of its log.
 */

import type { LogIndex, Message, RoleName, ServerId, Term } from '../raft/types.js';

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
