/** What the HTTP API takes on at a time, and what happens beyond. */

/**
 * Calls of a kind (see admission.ts) that are answered at a time; more wait, one of each connection, and one address has half of
 * the places at most.
 */
export const MAX_ADMIN_CALLS = 4;

/**
 * Backups that are sent at a time, half of them to one address; more are refused with 503. A client that takes nothing for this
 * long is cut off.
 */
export const MAX_BACKUPS = 2;
export const BACKUP_TIMEOUT_MS = 30_000;

/** Pages that watch the cluster live, half of them at one address; more are refused with 503. */
export const MAX_LIVE_READERS = 32;

/** Events that the live feed remembers; the oldest goes when another comes. */
export const MAX_LIVE_EVENTS = 256;
