/** Limits of clients' sessions, in which commands are executed exactly once. */

/** How long a session lives after its last command, in seconds; another ttl is `ERR_CMD_ERR`. */
export const MIN_SESSION_TTL_S = 10;
export const MAX_SESSION_TTL_S = 86_400;
export const DEFAULT_SESSION_TTL_S = 300;

/** How far the number of a command may be above what its client has said is done; beyond, it is `ERR_CMD_ERR`. */
export const MAX_SESSION_COMMANDS = 1024;

/** Sessions at a time. When one more is opened, the one that was used longest ago ends. */
export const MAX_SESSIONS = 100_000;

/**
 * Bytes of a result that a session keeps, and of those that all sessions keep together, each with what it takes besides. A
 * session keeps at most this share of what all of them leave free: 1 MiB if it is alone. So others find room for small results
 * although hundreds of sessions take what they can. A result that does not fit is not kept: the command is executed all the
 * same, and whoever repeats it is told `ERR_SESSION done`.
 */
export const MAX_KEPT_RESULT_BYTES = 64 * 1024;
export const MAX_KEPT_RESULTS_BYTES = 64 * 1024 * 1024;
export const KEPT_RESULTS_SHARES = 64;
export const RESULT_OVERHEAD_BYTES = 64;

/** Bytes of a session's id; no longer one is ever given out. */
export const MAX_SESSION_ID_BYTES = 64;

/**
 * No session ends by its ttl until the stamps have gone on by this much since the first stamp of the newest term, so that a
 * cluster that was down does not forget who was waiting.
 */
export const SESSION_GRACE_MS = 60_000;
