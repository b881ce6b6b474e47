/** HELLO, AUTH and RESET: what a client and the server agree on. */

import type { Args } from '../../protocol/command.js';
import { SYNTAX_ERROR } from '../../protocol/resp/error-replies.js';
import { parseSafeInteger } from '../../protocol/resp/numbers.js';
import type { RedisStream } from '../../protocol/resp/redis-stream.js';
import { ErrorReply, MapReply, OK, type RespValue, SimpleString } from '../../protocol/resp/value.js';
import { refusalOfName } from './client.js';
import { isLeader, REDIS_VERSION, type RedisContext } from './context.js';

const NO_PASSWORD = new ErrorReply(
  'ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?',
);
const WRONG_PASSWORD = new ErrorReply('WRONGPASS invalid username-password pair or user is disabled.');
const NO_PROTO = new ErrorReply('NOPROTO unsupported protocol version');
const NOT_A_PROTOCOL = new ErrorReply('ERR Protocol version is not an integer or out of range');
const RESET = new SimpleString('RESET');

export function hello(args: Args, stream: RedisStream, context: RedisContext): RespValue {
  const [versionText, ...options] = args;
  let version = stream.version;
  if (versionText !== undefined) {
    const asked = parseSafeInteger(versionText);
    if (asked === undefined) return NOT_A_PROTOCOL;
    if (asked !== 2 && asked !== 3) return NO_PROTO;
    version = asked;
  }
  let { name } = stream;
  for (let at = 0; at < options.length; at += 1) {
    const option = options[at]?.toUpperCase();
    if (option === 'AUTH' && at + 2 < options.length) {
      const refusal = authenticate(options[at + 1]);
      if (refusal !== OK) return refusal;
      at += 2;
      continue;
    }
    if (option !== 'SETNAME' || at + 1 >= options.length)
      return new ErrorReply(`ERR Syntax error in HELLO option '${options[at]}'`);
    at += 1;
    name = options[at] ?? '';
    const refusal = refusalOfName(name);
    if (refusal !== undefined) return refusal;
  }
  stream.change({ version, name });
  return new MapReply([
    ['server', 'redis'],
    ['version', REDIS_VERSION],
    ['proto', version],
    ['id', stream.id],
    ['mode', 'cluster'],
    ['role', isLeader(context) ? 'master' : 'replica'],
    ['modules', []],
  ]);
}

export function auth(args: Args): RespValue {
  if (args.length > 2) return SYNTAX_ERROR;
  return args.length === 1 ? NO_PASSWORD : authenticate(args[0]);
}

export function reset(_args: Args, stream: RedisStream): RespValue {
  stream.reset();
  return RESET;
}

/** There is one user, `default`, with any password. */
function authenticate(user: string | undefined): RespValue {
  return user === 'default' ? OK : WRONG_PASSWORD;
}
