/** TIME, and WAIT for replicas. */

import type { Args } from '../../protocol/command.js';
import { NOT_AN_INTEGER } from '../../protocol/resp/error-replies.js';
import { parseSafeInteger } from '../../protocol/resp/numbers.js';
import type { RedisStream } from '../../protocol/resp/redis-stream.js';
import { ErrorReply, type RespValue } from '../../protocol/resp/value.js';
import type { RedisContext } from './context.js';

const TIMEOUT_NOT_AN_INTEGER = new ErrorReply('ERR timeout is not an integer or out of range');
const TIMEOUT_NEGATIVE = new ErrorReply('ERR timeout is negative');

export function time(_args: Args, _: RedisStream, { nowMs }: RedisContext): RespValue {
  return [`${Math.floor(nowMs / 1000)}`, `${Math.floor(nowMs % 1000) * 1000}`];
}

/** WAIT need not wait: what was acknowledged is on a majority, this server included. */
export function wait(args: Args, _: RedisStream, { replicasOfWrite }: RedisContext): RespValue {
  const [replicas, timeout] = args.map(parseSafeInteger);
  if (replicas === undefined) return NOT_AN_INTEGER;
  if (timeout === undefined) return TIMEOUT_NOT_AN_INTEGER;
  if (timeout < 0) return TIMEOUT_NEGATIVE;
  return replicasOfWrite;
}
