/** The Redis commands whose reply depends on their arguments alone: any server gives it, also within a transaction. */

import type { Args } from '../command.js';
import { badDatabase, wrongArity } from './error-replies.js';
import { OK, type RespValue, SimpleString } from './value.js';

const PONG = new SimpleString('PONG');

/** The reply to a command of the kind `fixed`. */
export function fixedReply(name: string, args: Args): RespValue {
  switch (name) {
    case 'ping':
      return args.length > 1 ? wrongArity('ping') : (args[0] ?? PONG);
    case 'echo':
      return args[0] ?? '';
    case 'select':
      return select(args);
    case 'readonly':
    case 'readwrite':
    case 'asking':
    case 'unwatch':
      return OK;
    default:
      throw new TypeError(`the reply to ${name} is not fixed`);
  }
}

/** The reply to PING in RESP2 of a client that is subscribed to something. */
export function subscriberPong(args: Args): RespValue {
  return args.length > 1 ? wrongArity('ping') : ['pong', args[0] ?? ''];
}

/** The reply to SELECT: there is one database. */
function select([database = '']: Args): RespValue {
  return database === '0' ? OK : badDatabase(database);
}
