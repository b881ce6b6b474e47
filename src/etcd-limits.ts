/** Limits of the engine that keeps its data in etcd, with what happens when they are reached. */

import { assertRelations } from './limit-relations.js';
import { DEFAULT_MAX_VALUE_BYTES, MAX_KEY_BYTES } from './limits.js';

const KIB = 1024;
const MIB = 1024 * KIB;

/** Keys that are read or written in one transaction: etcd takes no more operations. A command that writes more is refused. */
export const MAX_TXN_KEYS = 128;

/**
 * etcd's revision of a transaction times this, plus the number of changes before one of its own in it, is the revision of that
 * change as clients are told it.
 */
export const REVISIONS_PER_TXN = 128;

/**
 * Bytes of keys and values in one transaction that writes; a command that writes more is refused. etcd takes no request over
 * 1.5 MiB unless it is told to.
 */
export const MAX_TXN_BYTES = MIB + 256 * KIB;

/** Commands that share a transaction bring no more bytes than this, but for a single one. */
export const MAX_SHARED_BYTES = 512 * KIB;

/** Commands that share a transaction. */
export const MAX_SHARED_COMMANDS = 1_024;

/**
 * Groups of commands that a server has under way at a time, in a transaction each; the others wait. One begins beside others only
 * with so many commands: each transaction costs about as much as some.
 */
export const MAX_GROUPS = 4;
export const MIN_GROUP_BESIDE = 8;

/** Commands that wait, and names in them, that are looked at for the next group. */
export const MAX_LOOKED_AT = 4_096;

/** Keys that one command may read, or write: one that names more is refused. */
export const MAX_KEYS_OF_COMMAND = 10_000;

/** Bytes of one answer of etcd. A read whose answer is longer is done again for fewer keys at a time. */
export const MAX_ANSWER_BYTES = 4 * MIB;

/** Bytes of values that one command may read; one that reads more is refused. */
export const MAX_READ_BYTES_OF_COMMAND = 32 * MIB;

/** How often commands are executed anew since others have changed their keys meanwhile; then they are refused. */
export const MAX_ATTEMPTS = 32;

/** After so many failed attempts, fewer commands share a transaction. */
export const SHARED_ATTEMPTS = 3;

/** Bytes of keys and values in the commands that wait for etcd: with more, none is taken until some are answered. */
export const MAX_WAITING_BYTES = 8 * MIB;

/** What a transaction may write for a command of a session, besides its keys: the session, its result, and what is forgotten. */
export const MAX_SESSION_OPERATIONS = 3;

/** Sessions of clients that a server remembers, so that it need not read them again. */
export const MAX_KNOWN_SESSIONS = 16_384;

/** A server that opens sessions counts all that there are this often, in ms, and ends so many of those used longest ago. */
export const SESSION_COUNT_PAUSE_MS = 5_000;
export const SESSIONS_ENDED_AT_ONCE = 128;

/** Keys that are read in their order at once. */
export const KEYS_OF_PAGE = 1_000;

/** Keys that are read at once with their values, in their order: fewer if their values are long. */
export const RECORDS_OF_PAGE = 128;

/** How long a server goes on watching etcd while nobody watches there. */
export const IDLE_WATCH_MS = 60_000;

/** Keys with leases that are read at once to see whether they are past their deadlines. */
export const LEASED_KEYS_AT_ONCE = 32;

/** How long a cursor of SCAN is good for after it was given out; then it is invalid. */
export const CURSOR_LIFE_MS = 3_600_000;

/** Cursors that a server remembers, so that it need not write them again. */
export const MAX_KNOWN_CURSORS = 4_096;

/**
 * Commands that a server executes at a time beside others, such as SCAN and the opening of a session, apart from those that go
 * through all keys; more wait.
 */
export const MAX_ASIDE = 16;

/** How often RANDOMKEY draws. */
export const RANDOM_KEY_DRAWS = 8;

/** A read that takes longer is asked of the next endpoint. */
export const READ_TIMEOUT_MS = 1_500;

/** A connection that takes longer to be made is given up: the next endpoint is tried. */
export const CONNECT_TIMEOUT_MS = 1_000;

/**
 * A connection by which nothing came for so long is asked whether it is there, while something is awaited by it, and given up
 * after the second. etcd closes connections that ask more often than each 5 s.
 */
export const PING_PAUSE_MS = 6_000;
export const PING_TIMEOUT_MS = 2_000;

/** How often etcd is asked whether it answers, while nobody asks it anything else. */
export const PROBE_PAUSE_MS = 1_000;

/** The pause before etcd is tried again that could not be reached. */
export const RETRY_PAUSE_MS = 100;

/** Keys that share a lease. */
export const MAX_KEYS_OF_LEASE = 128;

/** A lease ends this long after the deadlines of its keys, or later: it only cleans up. */
export const LEASE_GRACE_S = 5;

/** Leases that may take more keys. The oldest of more goes, and its keys with it when their time has come. */
export const MAX_OPEN_LEASES = 256;

/** The longest lease that etcd grants. A key that lives longer has none. */
export const MAX_LEASE_S = 9_000_000_000;

/** Keys whose records a server remembers, and the bytes of a key and its value; longer ones are read each time. */
export const MAX_KNOWN_KEYS = 16_384;
export const MAX_KNOWN_VALUE_BYTES = 1_024;

/** After others have changed keys that a server remembered, it reads all keys for this long. */
export const UNTRUSTED_MS = 1_000;

assertRelations('etcd-limits.ts', [
  [MAX_TXN_KEYS <= REVISIONS_PER_TXN, 'each change of a transaction has a revision of its own'],
  [MAX_SHARED_COMMANDS >= MAX_TXN_KEYS, 'commands of as many keys as a transaction takes can share one'],
  [MAX_TXN_BYTES > DEFAULT_MAX_VALUE_BYTES + 3 * MAX_KEY_BYTES, 'the largest value can be written'],
  [MAX_ANSWER_BYTES > 2 * MAX_TXN_BYTES, 'what was written can be read, and told with what it was before'],
  [MAX_READ_BYTES_OF_COMMAND >= MAX_TXN_BYTES, 'what was written by one command can be read by one'],
  [
    LEASED_KEYS_AT_ONCE * DEFAULT_MAX_VALUE_BYTES <= MAX_READ_BYTES_OF_COMMAND,
    'keys with leases can be read at once, however large',
  ],
  [LEASED_KEYS_AT_ONCE <= MAX_TXN_KEYS, 'keys past their deadlines are removed by one transaction'],
  [MAX_ANSWER_BYTES > 2 * KEYS_OF_PAGE * (2 * MAX_KEY_BYTES), 'the answer with a page is not too long'],
]);
