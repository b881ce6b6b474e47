/**
 * How a batch of commands is one log entry's payload.
 *
 * Layout, in the order of the bytes: the stamp (f64, ms since the epoch), the number of commands (u32), and the commands.
 * A command is its operation (u8) and:
 *
 * - that revisions are counted, from this batch on at the latest: first of all, missing in those of earlier versions;
 * - set, add: key (u8 length, bytes), exptime (f64, seconds), value (u32 length, bytes);
 * - cas: key, exptime, version or revision (f64), value;
 * - delete: key, and for one with a condition version or revision (f64);
 * - the largest value that commands after it may make (u32), unless that is the usual one: once, before the others;
 * - the rule by which the work of transactions after it is limited (u8, work-rules.ts): once, before the first of them;
 * - a Redis command: the number of its arguments (u32), and each (u32 length, bytes);
 * - a transaction: the number of watched keys (u32), and for each the key (u32 length, bytes) and its mark (f64), in those of
 *   earlier versions version, deadline and hash of the value (f64 each); the number of commands (u32), and each one's arguments;
 * - the opening of a session: what its id is to contain (u32 length, bytes), and its ttl (f64, seconds);
 * - the closing of a session: its id (u32 length, bytes);
 * - the next command is to be executed once: the session's id (u32 length, bytes), the command's number (f64), and that up to
 *   which the client has all results (f64);
 * - of commands that came through the router (router-dedupe/): the start of the router (16 bytes), once, before the others;
 *   that the next command is a connection's: its row (u32), its number (f64), and the place where the command ends in its stream
 *   (f64); that each command that follows ends that much later than the one before (u32), until another of these two; and that no
 *   connection's commands follow.
 *
 * The stamp is the leader's log time when the batch was completed. Replicas take the time from stamps alone, so all
 * of them expire the same keys at the same point of the log.
 */

/** The stamp and the number of commands. */
export const HEADER_BYTES = 12;
export const COUNT_OFFSET = 8;
/** An exptime, a version or a revision. */
export const NUMBER_BYTES = 8;
export const VALUE_LIMIT_BYTES = 4;
export const TTL_BYTES = 8;
export const ONCE_NUMBERS_BYTES = 16;
export const START_BYTES = 16;
export const DEDUPE_BYTES = 20;
export const STRIDE_BYTES = 4;

export const Operation = {
  set: 1,
  cas: 2,
  delete: 3,
  redis: 4,
  formerTransaction: 5,
  valueLimit: 6,
  sessionOpen: 7,
  sessionClose: 8,
  once: 9,
  workRule: 10,
  revisions: 11,
  casRevision: 12,
  add: 13,
  deleteVersion: 14,
  deleteRevision: 15,
  redisTransaction: 16,
  routerStart: 17,
  dedupe: 18,
  stride: 19,
  dedupeEnd: 20,
} as const;
