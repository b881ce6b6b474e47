/** What a client may do that has yet to tell the password, or that is subscribed to something. */

import { MAX_LOCKED_COMMAND_BYTES } from '../../access-limits.js';
import type { RespState } from '../checkpoint.js';
import type { Args } from '../command.js';
import { fullName, type RedisCommand } from './commands.js';
import { RespRefusal } from './error-replies.js';
import type { RespParser } from './resp-parser.js';
import { NO_SUBSCRIPTIONS } from './subscriptions.js';
import { ErrorReply } from './value.js';

export const NOT_AUTHENTICATED = new ErrorReply('NOAUTH Authentication required.');

const FOR_LOCKED = new Set(['auth', 'hello', 'quit', 'reset']);

/** Whether the command is executed all the same. HELLO is refused unless it tells the password. */
export function isForLocked(name: string): boolean {
  return FOR_LOCKED.has(name);
}

const FOR_SUBSCRIBERS = new Set([
  'subscribe',
  'unsubscribe',
  'psubscribe',
  'punsubscribe',
  'ping',
  'quit',
  'reset',
]);

/** Whether a client could not tell replies from what it is told of its subscriptions. */
export function isSubscriber({
  version,
  subscriptions,
}: Pick<RespState, 'version' | 'subscriptions'>): boolean {
  return version === 2 && subscriptions !== NO_SUBSCRIPTIONS;
}

/** Why the command is refused as the connection stands; undefined if it is not. */
export function refusalOf(
  command: RedisCommand,
  args: Args,
  state: Pick<RespState, 'access' | 'version' | 'subscriptions'>,
): ErrorReply | undefined {
  const { name } = command;
  if (state.access === 'locked' && !isForLocked(name)) return NOT_AUTHENTICATED;
  if (!isSubscriber(state) || FOR_SUBSCRIBERS.has(name)) return undefined;
  return new ErrorReply(
    `ERR Can't execute '${fullName(command, args)}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`,
  );
}

/** Whether the command may tell the password. */
export function mayTellPassword(name: string): boolean {
  return name === 'auth' || name === 'hello';
}

/** Whether the arguments may hold a password, as those of CONFIG SET requirepass, too, so that nobody else is shown them. */
export function mayHoldPassword(name: string, [subcommand]: Args): boolean {
  return mayTellPassword(name) || (name === 'config' && subcommand?.toLowerCase() === 'set');
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
