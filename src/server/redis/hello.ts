/** HELLO, AUTH and RESET: what a client and the server agree on. */

import type { Args } from '../../protocol/command.js';
import { SYNTAX_ERROR } from '../../protocol/resp/error-replies.js';
import { parseSafeInteger } from '../../protocol/resp/numbers.js';
import type { RedisStream } from '../../protocol/resp/redis-stream.js';
import { ErrorReply, MapReply, OK, type RespValue, SimpleString } from '../../protocol/resp/value.js';
import type { RespVersion } from '../../protocol/resp/writer.js';
import { refusalOfName } from './client.js';
import { ClusterQuestion } from './cluster-question.js';
import { isLeader, REDIS_VERSION, type RedisContext } from './context.js';

/** There is one user. */
const USER = 'default';

const NO_PASSWORD = new ErrorReply(
  'ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?',
);
const WRONG_PASSWORD = new ErrorReply('WRONGPASS invalid username-password pair or user is disabled.');
const NO_PROTO = new ErrorReply('NOPROTO unsupported protocol version');
const NOT_A_PROTOCOL = new ErrorReply('ERR Protocol version is not an integer or out of range');
const RESET = new SimpleString('RESET');

const LOCKED_HELLO = new ErrorReply(
  'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time',
);

interface Hello {
  readonly version: RespVersion;
  readonly name: string;
  /** The user and the password, if they are given. */
  readonly credentials: Args | undefined;
}

export function hello(args: Args, stream: RedisStream, context: RedisContext): RespValue | ClusterQuestion {
  const asked = readHello(args, stream);
  if (asked instanceof ErrorReply) return asked;
  const { credentials } = asked;
  if (credentials !== undefined)
    return authenticate(credentials, stream, () => agree(asked, stream, context));
  return stream.isLocked ? LOCKED_HELLO : agree(asked, stream, context);
}

function readHello([versionText, ...options]: Args, stream: RedisStream): Hello | ErrorReply {
  let { version } = stream;
  if (versionText !== undefined) {
    const asked = parseSafeInteger(versionText);
    if (asked === undefined) return NOT_A_PROTOCOL;
    if (asked !== 2 && asked !== 3) return NO_PROTO;
    version = asked;
  }
  let { name } = stream.settings;
  let credentials: Args | undefined;
  for (let at = 0; at < options.length; at += 1) {
    const option = options[at]?.toUpperCase();
    if (option === 'AUTH' && at + 2 < options.length) {
      credentials = options.slice(at + 1, at + 3);
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
  return { version, name, credentials };
}

function agree({ version, name }: Hello, stream: RedisStream, context: RedisContext): RespValue {
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

export function auth(args: Args, stream: RedisStream): RespValue | ClusterQuestion {
  if (args.length > 2) return SYNTAX_ERROR;
  return authenticate(args.length === 1 ? [USER, ...args] : args, stream, (isNeeded) =>
    isNeeded || args.length === 2 ? OK : NO_PASSWORD,
  );
}

export function reset(_args: Args, stream: RedisStream): RespValue {
  stream.reset();
  return RESET;
}

/**
 * Has the gateway look at the password, which no server knows.
 *
 * @param next makes the reply once it is right, or there is none
 */
function authenticate(
  [user = '', password = '']: Args,
  stream: RedisStream,
  next: (isNeeded: boolean) => RespValue,
): ClusterQuestion {
  return new ClusterQuestion(['AUTH', user, password], ([verdict]) => {
    if (verdict === 'none') return user === USER ? next(false) : WRONG_PASSWORD;
    if (verdict !== 'right') return WRONG_PASSWORD;
    stream.unlock();
    return next(true);
  });
}
