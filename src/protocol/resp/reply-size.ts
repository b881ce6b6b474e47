/** How large the reply to a Redis command may be. */

import { MAX_REDIS_REPLY_BYTES } from '../../limits.js';
import { ErrorReply, type RespValue } from './value.js';

export const REPLY_TOO_LARGE = new ErrorReply(
  `ERR the reply is left out: it is over ${MAX_REDIS_REPLY_BYTES} bytes`,
);

/** Bytes: more than any reply takes that is not a string, and fewer than a string takes. */
const SMALL_BYTES = 64;

/** How many bytes the reply takes, or a few more. Maps are small. */
export function sizeOf(value: RespValue): number {
  if (typeof value === 'string') return value.length + SMALL_BYTES;
  if (!Array.isArray(value)) return SMALL_BYTES;
  return value.reduce<number>((sum, element) => sum + sizeOf(element), SMALL_BYTES);
}

/** Whether the reply is so small that a transaction of such replies is never too large. */
export function isSmall(value: RespValue): boolean {
  return sizeOf(value) <= 2 * SMALL_BYTES;
}

/** Whether the reply takes about that many bytes or more. Stops counting there. */
export function takesOver(value: RespValue, bytes: number): boolean {
  return left(value, bytes) <= 0;
}

/** What is left of the bytes after the reply; may stop at 0. */
function left(value: RespValue, bytes: number): number {
  if (!Array.isArray(value)) return bytes - sizeOf(value);
  let rest = bytes - SMALL_BYTES;
  for (let at = 0; at < value.length && rest > 0; at += 1) rest = left(value[at] ?? null, rest);
  return rest;
}

/** The reply, unless it is too large. */
export function limited(value: RespValue): RespValue {
  return sizeOf(value) > MAX_REDIS_REPLY_BYTES ? REPLY_TOO_LARGE : value;
}
