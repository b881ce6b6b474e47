/** What the HTTP API takes on at a time, and what happens beyond. */

/** Calls of the admin API that are answered at a time, and connections with one that wait; more are refused with 503. */
export const MAX_ADMIN_CALLS = 4;
export const MAX_WAITING_ADMIN_CALLS = 256;

/** Backups that are sent at a time; more are refused with 503. A client that takes nothing for this long is cut off. */
export const MAX_BACKUPS = 2;
export const BACKUP_TIMEOUT_MS = 30_000;

/** Pages that watch the cluster live; more are refused with 503. */
export const MAX_LIVE_READERS = 32;

/** Events that the live feed remembers; the oldest goes when another comes. */
export const MAX_LIVE_EVENTS = 256;
