/** Which reply a client is given for each outcome of its command. */

import type { ByteString } from '../../bytes/byte-string.js';
import type { CommandResult } from '../../protocol/command.js';
import type { Reply, RespReply } from '../../protocol/reply.js';
import { isWrite, type Request } from '../../protocol/request.js';
import { NullArray } from '../../protocol/resp/value.js';
import { redirection } from '../redis/redirection.js';
import type { PendingCommand } from './client-connection.js';
import { slotKeyOf } from './slot-key.js';

export const COMMAND_ERROR: Reply = { type: 'command-error' };
export const UNAUTHENTICATED: Reply = { type: 'unauthenticated' };

export function valueReply(value: ByteString | undefined): Reply {
  return value === undefined ? { type: 'not-found' } : { type: 'value', value };
}

/** What the result of the request comes to. */
export function replyTo(request: Request, result: CommandResult): RespReply {
  switch (result.type) {
    case 'resp': {
      const isLost = request.type === 'redis-transaction' && request.lost !== undefined;
      return isLost && result.value instanceof NullArray ? { type: 'resp', value: request.lost } : result;
    }
    case 'stored':
      return { type: 'ok', version: result.version };
    case 'stored-at':
      return { type: 'ok-at', version: result.version, revision: result.revision };
    default:
      return result;
  }
}

/**
 * The reply that the client gets when its request comes to `reply`: none for `noreply`, except that the write did not happen
 * here. A malformed command gets the same error at every server, and so does one before the password.
 */
export function visibleReply(request: Request, reply: RespReply): RespReply | undefined {
  if (request.type === 'malformed') return request.noreply ? undefined : COMMAND_ERROR;
  if (request.type === 'locked') return UNAUTHENTICATED;
  const isSilent = 'noreply' in request && request.noreply && reply.type !== 'redirect';
  return isSilent ? undefined : reply;
}

/** The reply to a client whose command is not executed here: `outcome` says why. A transaction that it was to be in is broken. */
export function unexecutedReply(
  { client, request, isElsewhere }: PendingCommand,
  outcome: Reply,
): RespReply | undefined {
  const { redis } = client;
  if (redis === undefined) return visibleReply(request, outcome);
  if (request.type === 'redis-fixed') return { type: 'resp', value: request.value };
  const isForWrites = ['internal-error', 'timed-out', 'unwritable'].includes(outcome.type);
  if (isForWrites && (isElsewhere || !isWrite(request))) return { type: 'no-leader' };
  if (request.type === 'redis-queued') redis.breakTransaction();
  if (request.type === 'redis-watch') redis.loseWatch();
  return outcome.type === 'redirect'
    ? { type: 'resp', value: redirection(slotKeyOf(request), outcome) }
    : outcome;
}
