/**
 * What is sent to a page that watches the cluster: server-sent events whose data is JSON. Types only: the page is built
 * from the same file.
 */

import type { CurrentFaults } from '../../cluster/faults.js';
import type { ServerId, Term } from '../../raft/types.js';
import type { LogTail, ObservedMembers, ObservedMessage, ShownRole } from '../../wire/observations.js';

/** Event `hello`, the first: what stays as it is while the program runs. */
export interface Hello {
  readonly version: string;
  /** An id of this run of the program: each start has another. */
  readonly run: string;
  readonly electionTimeoutMs: number;
  readonly heartbeatMs: number;
  readonly frameMs: number;
  readonly maxServers: number;
}

/** Event `frame`: how the cluster looks. Several a second; a page that reads slowly misses some. */
export interface Frame {
  /** The time of the frame, in ms since the epoch, as all times here. */
  readonly atMs: number;
  readonly leader: ServerId | null;
  /** Where any client can connect; null while there is no such port. */
  readonly router: string | null;
  readonly servers: readonly ServerView[];
  /** As the leader knows them, or while no server leads, the server whose log is longest. Null before a server has told. */
  readonly members: ObservedMembers | null;
  /** A sample of what the servers sent since the last frame. */
  readonly messages: readonly ObservedMessage[];
  readonly faults: CurrentFaults;
  readonly load: LoadView;
}

export interface ServerView {
  readonly id: ServerId;
  /** `busy` is a running server that does not answer, such as a server that is paused. */
  readonly state: 'running' | 'busy' | 'stopped';
  readonly address: string;
  /** What is wrong with it, in one line: with its disk while it runs, or why it does not run; null when nothing is. */
  readonly reason: string | null;
  /** It is down because its disk is lost or has failed. */
  readonly isDiskLost: boolean;
  /** The server's last answer; undefined before the first. For a server that is down, its last state. */
  readonly seen: ServerSight | undefined;
}

export interface ServerSight {
  readonly atMs: number;
  readonly role: ShownRole;
  readonly term: Term;
  readonly votedFor: ServerId | null;
  readonly leader: ServerId | null;
  readonly commitIndex: number;
  readonly lastApplied: number;
  readonly lastIndex: number;
  readonly snapshotIndex: number;
  readonly electionInMs: number | null;
  readonly pendingCommands: number;
  readonly log: LogTail;
}

export interface LoadView {
  /** The rate that was asked for; 0 while there is no load. */
  readonly requestsPerS: number;
  readonly answeredPerS: number;
}

/** Event `sample`: what was measured since the last sample, about once a second. */
export interface Sample {
  readonly atMs: number;
  readonly readsPerS: number;
  readonly writesPerS: number;
  /** Commands that were answered with an error. */
  readonly failuresPerS: number;
  readonly readMs: Percentiles | null;
  readonly writeMs: Percentiles | null;
  readonly connections: number;
  readonly mainLoop: number;
  /** The servers, without those that are down, busy, or just up. */
  readonly servers: readonly ServerSample[];
}

export interface ServerSample {
  readonly id: ServerId;
  /** Fraction of the time in which its event loop was busy. */
  readonly loop: number;
  readonly diskMs: Percentiles | null;
  /** Entries between the end of the longest log and what this server has applied. */
  readonly behind: number;
  /** Commands and batches that wait in its thread. */
  readonly queued: number;
  readonly heapBytes: number;
}

export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
}

/** Event `timeline`: what happened. With `isWhole`, it replaces everything sent before. */
export interface Timeline {
  readonly isWhole: boolean;
  readonly events: readonly TimelineEvent[];
}

export interface TimelineEvent {
  readonly number: number;
  readonly atMs: number;
  readonly type: string;
  readonly text: string;
  readonly server: ServerId | null;
  readonly term: Term | null;
}
