/**
 * What a server counted, as it travels to the main thread. The code that counts is in server/server-metrics.ts.
 */

import type { Request } from '../protocol/request.js';

/** The types of commands: writes first, then those that write nothing. */
export const COMMAND_TYPES = [
  'set',
  'cas',
  'delete',
  'redis',
  'redis-transaction',
  'session-open',
  'session-close',
  'once',
  'add',
  'cas-revision',
  'delete-if',
  'get',
  'getm',
  'gets',
  'watch',
  'unwatch',
  'redis-read',
  'redis-walk',
  'redis-watch',
  'redis-fixed',
  'redis-local',
  'redis-queued',
  'auth',
  'locked',
  'malformed',
] as const satisfies readonly Request['type'][];

/** The place in {@link COMMAND_TYPES} of the first command that writes nothing. */
export const FIRST_READ = COMMAND_TYPES.indexOf('get');

/** What became of a command. */
export const COMMAND_RESULTS = [
  'ok',
  'not_found',
  'version_mismatch',
  'exists',
  'compacted',
  'command_error',
  'unauthenticated',
  'redirect',
  'no_leader',
  'unwritable',
  'internal_error',
  'no_session',
] as const;

export type CommandResultName = (typeof COMMAND_RESULTS)[number];

/** The upper bounds of the buckets, in seconds. One more bucket holds what is longer. */
export const DURATION_BOUNDS_S: readonly number[] = [
  0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5,
];

/** A histogram as it travels between threads. */
export interface DurationCounts {
  /** The durations in each bucket, without those in the buckets before: one number more than there are bounds. */
  readonly counts: readonly number[];
  readonly sumS: number;
}

/** The counts as they travel to the main thread. */
export interface MetricsReading {
  /** Answered commands: a row for each of {@link COMMAND_TYPES}, a column for each of {@link COMMAND_RESULTS}. */
  readonly commands: readonly (readonly number[])[];
  /** From a command's arrival in the thread to its reply leaving it. */
  readonly readDuration: DurationCounts;
  readonly writeDuration: DurationCounts;
  /** From a proposal to its entry being committed. */
  readonly appendDuration: DurationCounts;
  /** The duration of a write to the disk, fsync included. */
  readonly diskDuration: DurationCounts;
  /** By how much the server's own timer was late: the event loop's lag. */
  readonly loopLag: DurationCounts;
  /** The duration of the server's turns. */
  readonly turnDuration: DurationCounts;
  readonly proposals: number;
  readonly proposedBytes: number;
  /** How often another leader was followed, or this server became one. */
  readonly leaderChanges: number;
  readonly diskWrites: number;
  readonly diskEntries: number;
  readonly messagesSent: number;
  readonly messagesReceived: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** Messages lost because the link's channel was full, and because a fault was injected. */
  readonly droppedFull: number;
  readonly droppedByFault: number;
  /** Snapshots that this server took of its own state machine. */
  readonly snapshotsTaken: SnapshotCounts;
  /** Snapshots of a leader that this server installed. */
  readonly snapshotsInstalled: SnapshotCounts;
}

export interface SnapshotCounts {
  readonly duration: DurationCounts;
  /** Size of the last one; 0 when there was none yet. */
  readonly lastBytes: number;
}
