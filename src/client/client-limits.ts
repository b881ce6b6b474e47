/** Every limit of a client, and what happens when it is reached. */

import { assertRelations } from '../limit-relations.js';
import { LARGEST_MAX_VALUE_BYTES, streamLimits } from '../limits.js';
import { BYTES_PER_ESCAPED } from '../protocol/text/watch-lines.js';
import { MAX_SESSION_COMMANDS } from '../session-limits.js';
import { QUORUM_WAIT_MS } from '../time-limits.js';
import { WATCH_MARK_MS } from '../watch-limits.js';

/** How long a call may take unless it or the client's options say otherwise; the longest that may be asked for. */
export const DEFAULT_TIMEOUT_MS = 10_000;
export const MAX_TIMEOUT_MS = 24 * 60 * 60_000;

/** A call ends at most twice this long after its time limit. */
export const DEADLINE_TICK_MS = 20;

/** Commands, and bytes of them, that are sent and not answered; then others wait. A larger command goes alone. */
export const MAX_IN_FLIGHT_COMMANDS = 4096;
export const MAX_IN_FLIGHT_BYTES = 4 * 1024 * 1024;

/**
 * Calls, and bytes of them, that are made and not over; then a call is refused with `ERR_OVERLOADED`. The opening of a session
 * never is.
 */
export const MAX_PENDING_CALLS = 65_536;
export const MAX_PENDING_BYTES = 256 * 1024 * 1024;

/** How long a connection may take until it can be used; then another address is tried. */
export const CONNECT_TIMEOUT_MS = 2_000;

/**
 * A connection on which a reply is due is given up when nothing came or went for this long. A server answers within 5 s: if
 * nothing else, that it has no quorum.
 */
export const SILENCE_MS = 6_000;

/** The pause before another connection is tried after failures: doubled each time between these, and drawn from [half, whole). */
export const MIN_RECONNECT_PAUSE_MS = 10;
export const MAX_RECONNECT_PAUSE_MS = 1_000;

/** The same before a call is repeated that a server could not answer. */
export const MIN_REPEAT_PAUSE_MS = 20;
export const MAX_REPEAT_PAUSE_MS = 500;

/** Redirects in a row, none of which led to an answer; then there is a pause as after a failure. */
export const MAX_REDIRECTS = 4;

/** Bytes of a line of a reply; a longer one comes from something that is no server. */
export const MAX_REPLY_LINE_BYTES = 4 * 1024;

/**
 * The same of a line that tells a watcher of a change: a key that came by Redis's protocol may be as long as a command, where
 * values are largest.
 */
export const MAX_CHANGE_LINE_BYTES =
  BYTES_PER_ESCAPED * streamLimits(LARGEST_MAX_VALUE_BYTES).maxCommandBytes + 256;

/** Bytes of a value in a reply: what no server allows. */
export const MAX_REPLY_VALUE_BYTES = 64 * 1024 * 1024;

/** How many addresses may be given. */
export const MAX_ADDRESSES = 64;

/** Writes of a session that are not over: what the protocol allows. More of them wait. */
export const SESSION_WINDOW = MAX_SESSION_COMMANDS;

/** How long the opening of a session may take until it is tried anew, and its end when the client is closed. */
export const SESSION_OPEN_TIMEOUT_MS = 10_000;
export const SESSION_CLOSE_TIMEOUT_MS = 500;

/** Seconds for which a lock outlives its holder unless told otherwise, and the most: a timer has to count them. */
export const DEFAULT_LOCK_TTL_S = 10;
export const MAX_LOCK_TTL_S = 86_400;

/** The longest pause between two tries to get a lock, and the shortest before a failed renewal is repeated. */
export const MAX_LOCK_PAUSE_MS = 200;
export const MIN_RENEWAL_PAUSE_MS = 100;

/**
 * How long it is tried to give back a lock whose acquisition failed, or that is held when the client is closed; and how long that
 * waits for acquisitions under way.
 */
export const LOCK_CLEANUP_TIMEOUT_MS = 1_000;

/** The longest pause before an update that met another one is tried again. */
export const MAX_UPDATE_PAUSE_MS = 100;

/** Changes that wait for a watcher to take them; then no more are read, and the server holds them. */
export const MAX_WATCHED_CHANGES = 1024;

/** A watch that hears nothing for this long goes on at another server: a server says something every 5 s. */
export const WATCH_SILENCE_MS = 15_000;

assertRelations('client-limits.ts', [
  [SILENCE_MS > QUORUM_WAIT_MS, 'a server that has no quorum can say so before it is given up'],
  [WATCH_SILENCE_MS >= 2 * WATCH_MARK_MS, 'a watch is given up only once a mark is long overdue'],
  [LARGEST_MAX_VALUE_BYTES <= MAX_REPLY_VALUE_BYTES, 'the largest value can be read'],
]);
