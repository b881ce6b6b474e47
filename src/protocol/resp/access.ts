/** What a client may do that has yet to tell the password. */

import { MAX_LOCKED_COMMAND_BYTES } from '../../access-limits.js';
import { RespRefusal } from './error-replies.js';
import type { RespParser } from './resp-parser.js';
import { ErrorReply } from './value.js';

export const NOT_AUTHENTICATED = new ErrorReply('NOAUTH Authentication required.');

const FOR_LOCKED = new Set(['auth', 'hello', 'quit', 'reset']);

/** Whether the command is executed all the same. HELLO is refused unless it tells the password. */
export function isForLocked(name: string): boolean {
  return FOR_LOCKED.has(name);
}

/** Whether the arguments may hold a password, so that nobody else is shown them. */
export function mayTellPassword(name: string): boolean {
  return name === 'auth' || name === 'hello';
}

/** Whether what the parser has returned, from `start` in the stream on, is more than such a client may send as one command. */
export function isTooLongForLocked(
  { consumed, bufferedBytes }: RespParser,
  start: number,
  returned: ReturnType<RespParser['next']>,
): boolean {
  const byteCount = consumed - start + (returned === undefined ? bufferedBytes : 0);
  return returned instanceof RespRefusal || byteCount > MAX_LOCKED_COMMAND_BYTES;
}
