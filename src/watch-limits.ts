/** Limits of watches (docs/protocol.md), and what happens when they are reached. */

import { assertRelations } from './limit-relations.js';
import { MAX_KEY_BYTES, MAX_UNREAD_REPLY_BYTES } from './limits.js';

const KIB = 1024;
const MAX_REVISION_DIGITS = 20;

/**
 * Changes that a server keeps for watchers unless told otherwise, the most that it may be told, and their bytes; who asks for an
 * older one is told `ERR_COMPACTED`.
 */
export const DEFAULT_HISTORY_CHANGES = 100_000;
export const MOST_HISTORY_CHANGES = 1_000_000;
export const MAX_HISTORY_BYTES = 16 * KIB * KIB;

/** Length of a `watch` line in bytes, line break not counted; a longer one is skipped: `ERR_CMD_ERR`. */
export const MAX_WATCH_LINE_BYTES = 1024;

/**
 * Bytes that all watchers together are told in a turn, besides one line more; the rest in the next ones. Half of them are for
 * those who lag behind.
 */
export const WATCH_BYTES_PER_TURN = KIB * KIB;

/** Bytes that a watcher who lags behind is told at a time, if there are as many. */
export const MIN_LAGGING_BYTES = 16 * KIB;

/** Changes that a watcher who lags behind is told of, or looks at, in a turn; more in the next ones. */
export const LAGGING_CHANGES_PER_TURN = 1_000;

/**
 * Watchers of the state that are told it at a time; the others wait. One that leaves too much unread for that many ms, or
 * the second number if another one waits, is told `ERR_COMPACTED`.
 */
export const MAX_STATE_WATCHERS = 4;
export const UNREAD_STATE_MS = 30_000;
export const UNREAD_WANTED_STATE_MS = 5_000;

/** Places of keys that a watcher of the state looks at in a turn, and keys that it is told. */
export const STATE_PLACES_PER_TURN = 4_096;
export const STATE_KEYS_PER_TURN = 500;

/** Without anything to tell, a watcher is told after that many ms how far it has been told. */
export const WATCH_MARK_MS = 5_000;

/** A server that knows of no leader for that many ms closes its watchers' connections. */
export const LEADERLESS_WATCH_MS = 5_000;

/** A watcher's place is told the router after that many changes that it was not told of, or half of those that are kept. */
export const PLACE_TOLD_CHANGES = 10_000;

assertRelations('watch-limits.ts', [
  [
    'watch  '.length + 3 * MAX_KEY_BYTES + MAX_REVISION_DIGITS <= MAX_WATCH_LINE_BYTES,
    'a line has room for a prefix and a revision',
  ],
  [
    WATCH_BYTES_PER_TURN <= MAX_UNREAD_REPLY_BYTES,
    'a watcher is told no more in a turn than it may leave unread',
  ],
]);
