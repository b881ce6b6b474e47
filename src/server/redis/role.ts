/** ROLE and LASTSAVE. */

import type { Args } from '../../protocol/command.js';
import type { RedisStream } from '../../protocol/resp/redis-stream.js';
import type { RespValue } from '../../protocol/resp/value.js';
import { isLeader, type RedisContext, replicasOf } from './context.js';

/** The reply to ROLE. Its offsets are indexes of the log, which all servers share. */
export function role(_args: Args, _: RedisStream, context: RedisContext): RespValue {
  const { leader, leaderAddress, appliedIndex } = context;
  if (!isLeader(context)) {
    const { host, port } = leaderAddress;
    return ['slave', host, port, leader === undefined ? 'connect' : 'connected', appliedIndex];
  }
  const replicas = replicasOf(context).map(
    ({ host, port }): RespValue => [host, `${port}`, `${appliedIndex}`],
  );
  return ['master', appliedIndex, replicas];
}

/** Whatever was acknowledged is saved: now. */
export function lastsave(_args: Args, _: RedisStream, { nowMs }: RedisContext): RespValue {
  return Math.floor(nowMs / 1000);
}
