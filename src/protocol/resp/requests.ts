/** The requests of commands that need no state of the connection. */

import { MAX_KEY_BYTES } from '../../limits.js';
import type { Args } from '../command.js';
import type { RedisFixedRequest, Request, WriteRequest } from '../request.js';
import type { RedisCommand } from './commands.js';
import type { PlainCommand } from './resp-parser.js';
import type { RespValue } from './value.js';

/** A request whose reply is known. */
export function fixed(value: RespValue): RedisFixedRequest {
  return { type: 'redis-fixed', value };
}

/** A plain SET or GET does what the text protocol's `set` and `get` do, so it becomes the same request. */
export function requestOfPlain(command: PlainCommand): Request {
  const { key } = command;
  return command.name === 'get' ? { type: 'get', key } : setOf(key, command.value);
}

function setOf(key: string, value: Uint8Array): WriteRequest {
  return { type: 'set', key, value, exptimeS: 0, noreply: false };
}

/** A plain SET that came in pieces; undefined if it is another command. */
export function plainSet({ name }: RedisCommand, args: Args): WriteRequest | undefined {
  const [key = '', value = ''] = args;
  if (name !== 'set' || args.length !== 2 || key.length > MAX_KEY_BYTES) return undefined;
  return setOf(key, Buffer.from(value, 'latin1'));
}

/** A plain GET that came in pieces; undefined if it is another command. */
export function plainGet({ name }: RedisCommand, [key = '']: Args): Request | undefined {
  return name === 'get' ? requestOfPlain({ name, key }) : undefined;
}
