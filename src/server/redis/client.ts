/** CLIENT: what a connection is told of itself and of the others. */

import { MAX_CLIENT_NAME_BYTES } from '../../limits.js';
import type { Args } from '../../protocol/command.js';
import { SYNTAX_ERROR, unknownSubcommand, wrongArity } from '../../protocol/resp/errors.js';
import type { RedisStream } from '../../protocol/resp/redis-stream.js';
import { ErrorReply, OK, type RespValue, VerbatimText } from '../../protocol/resp/value.js';
import type { RedisConnection, RedisContext } from './context.js';

const BAD_NAME = new ErrorReply('ERR Client names cannot contain spaces, newlines or special characters.');

const LONG_NAME = new ErrorReply(`ERR Client names cannot be longer than ${MAX_CLIENT_NAME_BYTES} bytes`);

/** Why a connection may not have this name; undefined if it may. */
export function refusalOfName(name: string): ErrorReply | undefined {
  if (name.length > MAX_CLIENT_NAME_BYTES) return LONG_NAME;
  return /^[\x21-\x7e]*$/.test(name) ? undefined : BAD_NAME;
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
      const refusal = refusalOfName(name);
      if (refusal !== undefined) return refusal;
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
