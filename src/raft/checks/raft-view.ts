/** What checks look at of a server. */

import type { Raft } from '../raft.js';
import type { Configuration, Entry, LogIndex, LogPosition, RoleName, ServerId, Term } from '../types.js';

/** What a server's status tells. */
export interface StatusView {
  readonly id: ServerId;
  readonly role: RoleName;
  readonly currentTerm: Term;
  readonly commitIndex: LogIndex;
}

/** What is looked at of a server after each step. */
export interface ServerView extends StatusView {
  readonly votedFor: ServerId | undefined;
  readonly lastLog: LogPosition;
  readonly logStart: LogPosition;
  /** In force, by its log. */
  readonly configuration: Configuration;
  /** In force at the commit index. */
  readonly committedConfiguration: Configuration;
  /** The time now, and until when it may read its own state as a leader, on a clock that all servers share. */
  readonly nowMs: number;
  readonly leaseEndMs: number;
  termAt(index: LogIndex): Term | undefined;
  /** As far as they are in memory. */
  entries(from: LogIndex, to: LogIndex): readonly Entry[];
}

/** Both in ms of a clock that all servers share: `leaseEndMs` is `raft.leaseEndMs` where they share the core's. */
export type SharedTimes = Pick<ServerView, 'nowMs' | 'leaseEndMs'>;

/** A view of a server that runs, for {@link Invariants.stepped}. */
export function viewOf(raft: Raft, { nowMs, leaseEndMs }: SharedTimes): ServerView {
  const { id, role, currentTerm, commitIndex, lastLog, logStart, configuration } = raft;
  return {
    id,
    role,
    currentTerm,
    commitIndex,
    votedFor: raft.hardState.votedFor,
    lastLog,
    logStart,
    configuration,
    committedConfiguration: raft.configurationAt(commitIndex),
    nowMs,
    leaseEndMs,
    termAt: (index) => raft.termAt(index),
    entries: (from, to) => raft.entries(from, to),
  };
}
