/** MONITOR: from now on the connection receives all commands, until it says RESET or QUIT. */

import type { Args } from '../../protocol/command.js';
import type { RedisStream } from '../../protocol/resp/redis-stream.js';
import { ErrorReply, OK, type RespValue } from '../../protocol/resp/value.js';
import { MAX_MONITORS } from '../../redis-limits.js';
import type { RedisContext } from './context.js';

const TOO_MANY = new ErrorReply(`ERR there are ${MAX_MONITORS} connections in MONITOR already`);

export function monitor(_args: Args, stream: RedisStream, { mayMonitor }: RedisContext): RespValue {
  if (!mayMonitor && !stream.isMonitor) return TOO_MANY;
  stream.change({ isMonitor: true });
  return OK;
}
