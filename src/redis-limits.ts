/**
 * Limits that only commands of Redis's protocol meet. Those of the sizes of commands and replies are in limits.ts, beside the
 * limits that depend on them.
 */

/** Arguments of Redis commands that are parsed at once: about a millisecond. What is left of a command waits for its turn. */
export const MAX_PARSED_ARGS = 4 * 1024;

/**
 * Commands that go through all keys and work at a time; more wait, and after as many as the next limit says they are
 * refused. For each that works, the store keeps the keys that have changed since it began.
 */
export const MAX_WALKS = 4;
export const MAX_WAITING_WALKS = 64;

/** Units of work (see state-machine/work.ts) of all walks in a turn: about 2 ms. */
export const WALK_WORK_PER_TURN = 2_000_000;

/** Units of work of one walk: about a minute. A longer walk, which only patterns can cause, is refused. */
export const MAX_WALK_WORK = 60_000_000_000;

/**
 * Units of work of one transaction: 0.1 to 0.2 s. A larger transaction is taken back and refused, the same on every server: see
 * state-machine/work-rules.ts.
 */
export const MAX_TRANSACTION_WORK = 200_000_000;

/** Units of work of one BITOP or BITFIELD; a larger one is refused. */
export const MAX_BITS_WORK = 200_000_000;

/** Keys that one SCAN goes through, whatever COUNT says, and units of work after which it stops earlier. */
export const MAX_SCAN_COUNT = 10_000;
export const MAX_SCAN_WORK = 2_000_000;

/** Units of work that SCAN spends on comparing one key with a pattern: with more, it is answered an error. */
export const MAX_SCAN_MATCH_WORK = 50_000_000;

/** LCS: the product of the two values' lengths, about 10 ms; a larger one is refused. */
export const MAX_LCS_CELLS = 2 * 1024 * 1024;

/**
 * Connections in MONITOR at a server; one more is refused. Of a transaction they are shown
 * this many commands, of a command this many arguments, and bytes of each.
 */
export const MAX_MONITORS = 8;
export const MAX_MONITORED_COMMANDS = 64;
export const MAX_MONITORED_ARGS = 64;
export const MAX_MONITORED_ARG_CHARS = 256;

/** Entries that SLOWLOG keeps at most, and of each the arguments and how much of each; the oldest goes when another comes. */
export const MAX_SLOW_LOG_ENTRIES = 1024;
export const MAX_SLOW_LOG_ARGS = 32;
export const MAX_SLOW_LOG_ARG_CHARS = 128;

/** Questions to all servers at a time, such as CLIENT LIST; more wait. A server that does not answer in time is left out. */
export const MAX_OPEN_QUESTIONS = 4;
export const QUESTION_TIMEOUT_MS = 1_000;

/** Connections that a server looks at in a turn to answer such a question: about 2 ms. */
export const MAX_LISTED_CONNECTIONS_PER_TURN = 1_000;
