/** Limits of passwords, and of clients that have yet to tell theirs: strangers take no room of those who have. */

import { assertRelations, type LimitRelation } from './limit-relations.js';
import { MAX_LINE_BYTES, MAX_READ_BYTES, MAX_RESUMED_AT_ONCE } from './limits.js';

const KIB = 1024;

/** Bytes of a password, so that a line of the text protocol has room for it; a start with a longer one is refused. */
export const MAX_PASSWORD_BYTES = 500;

/** Bytes of a command of a client that has yet to tell the password; after a longer one its connection is closed. */
export const MAX_LOCKED_COMMAND_BYTES = 64 * KIB;

/**
 * Bytes that such a client may have sent that are not answered, as while it waits after a wrong try: then it is not read. All of
 * them together, and what each may have all the same; see MAX_TOTAL_UNANSWERED_BYTES.
 */
export const MAX_LOCKED_UNANSWERED_BYTES = 3 * MAX_LOCKED_COMMAND_BYTES;
export const MAX_TOTAL_LOCKED_BYTES = 16 * KIB * KIB;
export const MAX_MODEST_LOCKED_BYTES = 4 * KIB;

const RELATIONS: readonly LimitRelation[] = [
  ['auth '.length + MAX_PASSWORD_BYTES <= MAX_LINE_BYTES, 'a line has room for the longest password'],
  [MAX_PASSWORD_BYTES < MAX_MODEST_LOCKED_BYTES / 2, 'whatever others send, a password is read'],
  [
    MAX_LOCKED_COMMAND_BYTES < MAX_LOCKED_UNANSWERED_BYTES / 2,
    'a socket that is paused goes on although an incomplete command is left, which nobody can answer',
  ],
  [MAX_RESUMED_AT_ONCE * MAX_READ_BYTES <= MAX_TOTAL_LOCKED_BYTES / 2, 'what those send that go on has room'],
];

assertRelations('access-limits.ts', RELATIONS);
