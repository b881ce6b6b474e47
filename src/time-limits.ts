/** How long anything may take or wait, in ms, and what happens then. What may grow is in limits.ts. */

import { assertRelations, type LimitRelation } from './limit-relations.js';

/** How long a new server may take to catch up with the others; then the change of members is given up. */
export const CATCH_UP_TIMEOUT_MS = 60_000;

/** No turn of a thread's event loop is to take longer: metrics count the seconds in which one did. */
export const MAX_TURN_MS = 20;

/** A turn of a thread that took longer is a line in the log, which tells what it did. */
export const LONG_TURN_MS = 100;

/**
 * A lookup of a client in this process that takes longer is given up within as long again, and its keys are read as any other
 * client's. Calls with a shorter time
 * limit than the next are not looked up.
 */
export const LOOKUP_WAIT_MS = 50;
export const MIN_LOOKUP_TIMEOUT_MS = 200;

/** How long a server pauses before it retries a write that failed for a shortage: the first pause, and the longest. */
export const MIN_SHORTAGE_PAUSE_MS = 10;
export const MAX_SHORTAGE_PAUSE_MS = 1_000;

/** A snapshot that fails for a shortage, as of space, is dropped, and no other is begun for this long. */
export const SNAPSHOT_SHORTAGE_PAUSE_MS = 10_000;

/** A server that is asked to stop answers what is pending for at most this long. */
export const MAX_STOP_ANSWERING_MS = 1_000;

/** A server that has not stopped this long after it was asked to is terminated. */
export const STOP_TIMEOUT_MS = 5_000;

/**
 * A server that has stopped closes its disk, which counts as stalled when that takes longer, the write included that was under
 * way.
 */
export const DISK_CLOSE_TIMEOUT_MS = 600;

/**
 * How long a call on a data directory may take while that is opened. Then the start is refused, or goes on without that disk if
 * there are enough others.
 */
export const DIRECTORY_TIMEOUT_MS = 10_000;

/**
 * A program ends within this time of a signal, also when a disk hangs: be it in a write that was under way then, which commands
 * may wait for, or in the call that closes it.
 */
export const MAX_SIGNAL_END_MS = 1_000;

/**
 * A thread that was terminated ends within tens of milliseconds, unless a call of its disk is under way. This long is waited for
 * its end: the first time when its disk is known to be stalled, else the second.
 */
export const STALLED_END_TIMEOUT_MS = 300;
export const END_TIMEOUT_MS = 900;

/** A page that has not taken for this long what was sent to it is cut off. Meanwhile it misses frames, not events. */
export const LIVE_READER_TIMEOUT_MS = 10_000;

/**
 * A client has this long for the rest of a command, and a ms more for each of these bytes that come: half a minute for 2 MiB.
 * Then its connection is closed; at the latest after twice as long, for it is looked at that seldom.
 */
export const HALF_SENT_TIMEOUT_MS = 60_000;
export const HALF_SENT_BYTES_PER_MS = 64;

/** A client that has not finished its TLS handshake after this long is disconnected. */
export const TLS_HANDSHAKE_TIMEOUT_MS = 10_000;

/** Clients that are refused, since there are as many as there may be, make one line of the log in this time. */
export const REFUSALS_LINE_MS = 60_000;

/** Lines of the log about wrong passwords in a second; more are counted in a later line. */
export const MAX_TOLD_WRONG_PASSWORDS_PER_S = 10;

/** Whoever tells a wrong password is answered after this long. */
export const WRONG_PASSWORD_PAUSE_MS = 1_000;

/** A command waits this long for a leader to be known, then it is `ERR_INTERNAL`. */
export const LEADER_WAIT_MS = 2_000;

/** A command waits this long for a quorum, then it is `ERR_INTERNAL`. */
export const QUORUM_WAIT_MS = 5_000;

/** A server that does not answer a question of the main thread within this time is busy: it is told of as it was. */
export const ANSWER_TIMEOUT_MS = 500;

/** While a cluster closes, commands in flight are answered for this long. */
export const DRAIN_MS = 500;

/** How many election timeouts a transfer of leadership may take; then whoever asked for it is told that it failed. */
export const TRANSFER_TIMEOUTS = 3;

/**
 * A server that died by itself is started again after a pause, which is twice as long after each death in a row: the first, and
 * the longest. One that was up for the third time has recovered: its next death counts as the first.
 */
export const FIRST_RESTART_PAUSE_MS = 100;
export const LONGEST_RESTART_PAUSE_MS = 5_000;
export const RECOVERED_AFTER_MS = 30_000;

/** A server that has not given back by then what the router sent it still leads, or is too busy; its port is closed then, too. */
export const MAX_LEAVE_MS = 300;

const RELATIONS: readonly LimitRelation[] = [
  [MIN_LOOKUP_TIMEOUT_MS > LOOKUP_WAIT_MS, 'a lookup that waits in vain leaves time for the read itself'],
  [MIN_SHORTAGE_PAUSE_MS <= MAX_SHORTAGE_PAUSE_MS, 'pauses of a shortage grow'],
  [FIRST_RESTART_PAUSE_MS <= LONGEST_RESTART_PAUSE_MS, 'pauses before a restart grow'],
  [LONGEST_RESTART_PAUSE_MS < RECOVERED_AFTER_MS, 'a server that dies again and again has not recovered'],
  [
    DRAIN_MS <= DISK_CLOSE_TIMEOUT_MS,
    'a write that hangs while commands are answered is known to right after',
  ],
  [LEADER_WAIT_MS < QUORUM_WAIT_MS, 'who has no leader is told so before who has one without a quorum'],
];

assertRelations('time-limits.ts', RELATIONS);
