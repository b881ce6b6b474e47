/** CLIENT: what a connection is told of itself and of the others. */

import type { Args } from '../../protocol/command.js';
import type { RedisStream } from '../../protocol/resp/redis-stream.js';
import {
  ErrorReply,
  OK,
  type RespValue,
  SYNTAX_ERROR,
  unknownSubcommand,
  VerbatimText,
  wrongArity,
} from '../../protocol/resp/value.js';
import type { RedisConnection, RedisContext } from './context.js';

export const BAD_NAME = new ErrorReply(
  'ERR Client names cannot contain spaces, newlines or special characters.',
);

/** Whether a connection may have this name. */
export function isName(text: string): boolean {
  return /^[\x21-\x7e]*$/.test(text);
}

export function client(
  [subcommand = '', ...args]: Args,
  stream: RedisStream,
  context: RedisContext,
): RespValue {
  switch (subcommand.toUpperCase()) {
    case 'ID':
      return stream.id;
    case 'GETNAME':
      return stream.name === '' ? null : stream.name;
    case 'SETNAME': {
      const [name] = args;
      if (name === undefined) return wrongArity('client|setname');
      if (!isName(name)) return BAD_NAME;
      stream.name = name;
      return OK;
    }
    case 'SETINFO':
      return args.length === 2 ? OK : wrongArity('client|setinfo');
    case 'NO-EVICT':
    case 'NO-TOUCH':
      return /^(?:on|off)$/i.test(args[0] ?? '') ? OK : SYNTAX_ERROR;
    case 'INFO':
      return new VerbatimText(`${describeClient(stream)}\n`);
    case 'LIST':
      return new VerbatimText([...context.connections].map((one) => `${describeClient(one)}\n`).join(''));
    default:
      return unknownSubcommand('CLIENT', subcommand);
  }
}

function describeClient({ id, name, version }: RedisConnection): string {
  return `id=${id} name=${name} db=0 resp=${version}`;
}
