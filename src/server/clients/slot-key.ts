/** The key of a request whose slot a redirect of Redis Cluster names. */

import type { Args } from '../../protocol/command.js';
import type { Request } from '../../protocol/request.js';
import { commandOf, firstKeyOf } from '../../protocol/resp/commands.js';

/** Undefined for a request without keys. */
export function slotKeyOf(request: Request): string | undefined {
  switch (request.type) {
    case 'set':
    case 'get':
      return request.key;
    case 'redis':
    case 'redis-queued':
    case 'once':
      return request.slotKey;
    case 'redis-read':
      return firstKeyOf(request.command, request.args);
    case 'redis-watch':
      return request.keys[0];
    case 'redis-transaction':
      return firstKeyOfAny(request.commands);
    default:
      return undefined;
  }
}

function firstKeyOfAny(commands: readonly Args[]): string | undefined {
  for (const [name = '', ...args] of commands) {
    const command = commandOf(name);
    const key = command === undefined ? undefined : firstKeyOf(command, args);
    if (key !== undefined) return key;
  }
  return undefined;
}
