/**
 * What a core is made with: its options, checked before anything relies on them, and what it must not reach for itself.
 */

import { faultOf, MAX_SERVER_ID } from './configuration.js';
import type { TraceEvent } from './trace.js';
import type { Configuration, ServerId } from './types.js';

/** Limits and times of the core. All times in milliseconds of the clock that `tick` is given. */
export interface RaftOptions {
  readonly id: ServerId;
  /**
   * In force where neither the log nor a snapshot says otherwise: that with which the cluster began. The same for all servers,
   * also for those that joined later and are not in it.
   */
  readonly configuration: Configuration;
  /**
   * T: an election timeout is drawn uniformly from [T, 2T) (§5.2). The first timeout of a server is drawn from [T/4, T) if no
   * leader can know of the server, and is 0 for a server alone.
   */
  readonly electionTimeoutMs: number;
  /**
   * How long the answers of a majority let a leader read its own state without asking again (thesis 6.4.1):
   * T where all servers share one clock, less where clocks may run apart, 0 to ask for each batch of reads.
   */
  readonly leaseMs: number;
  /**
   * All that could have led before this server went down have gone down with it: no leader relies on its vote lease. Unless
   * it is told so, or is new, it grants no vote for one election timeout.
   */
  readonly leasesAreOver?: boolean;
  /** A leader sends each follower something at least this often: at most T/2. */
  readonly heartbeatMs: number;
  /** Entries' bytes per AppendEntries; one entry always goes, whatever its size. */
  readonly maxAppendBytes: number;
  /** AppendEntries with entries on their way to one follower, unanswered. */
  readonly maxInflightMessages: number;
  /** Payload bytes on their way to one follower: from this on, no more messages with entries go. At least maxAppendBytes. */
  readonly maxInflightBytes: number;
  /** Bytes per chunk of a snapshot. */
  readonly snapshotChunkBytes: number;
  /** Chunks on their way to one follower, unanswered. */
  readonly maxInflightChunks: number;
  /**
   * Payload bytes of a leader's own entries that are not committed, or not on its own disk: from this on it accepts no proposal
   * until some are both. The no-op that begins its term counts as none, and one proposal is always accepted, whatever its size.
   */
  readonly maxUncommittedBytes: number;
  /** A change of members is given up when a new server has not caught up after this long. */
  readonly catchUpTimeoutMs: number;
  /**
   * What the newest entries may take in memory. Older ones are let go once they are on the disk and applied; a follower that
   * lacks them gets them from there.
   */
  readonly maxLogCacheBytes: number;
}

/** What the core cannot make by itself and must not reach for. */
export interface RaftDependencies {
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Listens to what happens in elections. It must not call the core. */
  readonly trace?: ((event: TraceEvent) => void) | undefined;
}

/** An option is wrong. */
export class RaftOptionsError extends Error {
  readonly code = 'INVALID_RAFT_OPTIONS';
  readonly option: keyof RaftOptions;

  constructor(option: keyof RaftOptions, reason: string) {
    super(`option ${option} ${reason}`);
    this.name = 'RaftOptionsError';
    this.option = option;
  }
}

/** With one heartbeat lost, the next is still in time. */
const MIN_HEARTBEATS_PER_TIMEOUT = 2;

/** Throws {@link RaftOptionsError} for the first option that is wrong by itself or beside another one. */
export function validateOptions(options: RaftOptions): void {
  validateMembers(options);
  validateTimes(options);
  validateLimits(options);
}

function validateMembers({ id, configuration }: RaftOptions): void {
  const fault = faultOf(configuration);
  check('configuration', fault === undefined, fault ?? '');
  check('id', isWhole(id, 0) && id <= MAX_SERVER_ID, `is ${id}: 0 to ${MAX_SERVER_ID} is meant`);
}

function validateTimes({ electionTimeoutMs, heartbeatMs, leaseMs, catchUpTimeoutMs }: RaftOptions): void {
  check(
    'electionTimeoutMs',
    electionTimeoutMs > 0 && Number.isFinite(electionTimeoutMs),
    `is ${electionTimeoutMs}: a positive number of ms is meant`,
  );
  const longestMs = electionTimeoutMs / MIN_HEARTBEATS_PER_TIMEOUT;
  check(
    'heartbeatMs',
    heartbeatMs > 0 && heartbeatMs <= longestMs,
    `is ${heartbeatMs}: above 0 and at most ${longestMs}, half the election timeout, is meant`,
  );
  check('catchUpTimeoutMs', catchUpTimeoutMs > 0, `is ${catchUpTimeoutMs}: a positive number of ms is meant`);
  // The servers that a lease relies on refuse their votes for one election timeout (thesis 6.4.1).
  check(
    'leaseMs',
    leaseMs >= 0 && leaseMs <= electionTimeoutMs,
    `is ${leaseMs}: 0 to ${electionTimeoutMs}, the election timeout, is meant`,
  );
}

function validateLimits(options: RaftOptions): void {
  const limits = [
    'maxAppendBytes',
    'maxInflightMessages',
    'maxInflightBytes',
    'snapshotChunkBytes',
    'maxInflightChunks',
    'maxUncommittedBytes',
    'maxLogCacheBytes',
  ] as const;
  for (const limit of limits)
    check(limit, isWhole(options[limit], 1), `is ${options[limit]}: a whole number above 0 is meant`);
  const { maxAppendBytes, maxInflightBytes } = options;
  check(
    'maxInflightBytes',
    maxInflightBytes >= maxAppendBytes,
    `is ${maxInflightBytes}: one message has to fit, and maxAppendBytes is ${maxAppendBytes}`,
  );
}

function isWhole(value: number, min: number): boolean {
  return Number.isSafeInteger(value) && value >= min;
}

function check(option: keyof RaftOptions, isRight: boolean, reason: string): void {
  if (!isRight) throw new RaftOptionsError(option, reason);
}
