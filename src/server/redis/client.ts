/** CLIENT: what a connection is told of itself and of all others, and what it can do to them. */

import { MAX_CLIENT_NAME_BYTES } from '../../limits.js';
import type { Args } from '../../protocol/command.js';
import { clientLine } from '../../protocol/resp/client-facts.js';
import { killFilter, listFilter } from '../../protocol/resp/client-filter.js';
import { SYNTAX_ERROR } from '../../protocol/resp/error-replies.js';
import { parseSafeInteger } from '../../protocol/resp/numbers.js';
import type { RedisStream } from '../../protocol/resp/redis-stream.js';
import { ErrorReply, OK, type RespValue, VerbatimText } from '../../protocol/resp/value.js';
import { ClusterQuestion } from './cluster-question.js';
import { container, type LocalCommand, type Subcommand } from './container.js';

const BAD_NAME = new ErrorReply('ERR Client names cannot contain spaces, newlines or special characters.');
const LONG_NAME = new ErrorReply(`ERR Client names cannot be longer than ${MAX_CLIENT_NAME_BYTES} bytes`);
const NO_SUCH_CLIENT = new ErrorReply('ERR No such client');
const TIMEOUT_NOT_AN_INTEGER = new ErrorReply('ERR timeout is not an integer or out of range');
const TIMEOUT_NEGATIVE = new ErrorReply('ERR timeout is negative');
const BAD_PAUSE_MODE = new ErrorReply('ERR CLIENT PAUSE mode must be WRITE or ALL');

/** With more arguments, other servers tell all their connections, and the wanted ids are looked for here. */
const MAX_ASKED_ARGS = 1024;

/** Nobody is redirected to: there is no tracking. */
const NO_REDIRECTION = -1;

/** Why a connection may not have this name; undefined if it may. */
export function refusalOfName(name: string): ErrorReply | undefined {
  if (name.length > MAX_CLIENT_NAME_BYTES) return LONG_NAME;
  return isPlain(name) ? undefined : BAD_NAME;
}

function isPlain(text: string): boolean {
  return /^[\x21-\x7e]*$/.test(text);
}

function setName([name = '']: Args, stream: RedisStream): RespValue {
  const refusal = refusalOfName(name);
  if (refusal !== undefined) return refusal;
  stream.change({ name });
  return OK;
}

function setInfo([attribute = '', value = '']: Args, stream: RedisStream): RespValue {
  const name = attribute.toLowerCase();
  if (name !== 'lib-name' && name !== 'lib-ver')
    return new ErrorReply(`ERR Unrecognized option '${attribute}'`);
  if (!isPlain(value))
    return new ErrorReply(`ERR ${name} cannot contain spaces, newlines or special characters.`);
  if (value.length > MAX_CLIENT_NAME_BYTES)
    return new ErrorReply(`ERR ${name} cannot be longer than ${MAX_CLIENT_NAME_BYTES} bytes`);
  stream.change(name === 'lib-name' ? { libName: value } : { libVersion: value });
  return OK;
}

function list(args: Args): RespValue | ClusterQuestion {
  const filter = listFilter(args);
  if (filter instanceof ErrorReply) return filter;
  if (args.length <= MAX_ASKED_ARGS)
    return new ClusterQuestion(['LIST', ...args], (answers) => new VerbatimText(inOrder(answers)));
  return new ClusterQuestion(['LIST'], (answers) => new VerbatimText(inOrder(answers, args)));
}

/** The lines of all servers, or of the wanted ids alone, in the order of the ids, with which they begin. */
function inOrder(answers: readonly string[], wanted?: Args): string {
  const lines = answers.flatMap((answer) => answer.split('\n')).filter((line) => line !== '');
  const byId = new Map(lines.map((line) => [line.slice('id='.length, line.indexOf(' ')), line]));
  // There are fewer connections than ids that a command can name: a set of these would take longer to make.
  const ids = wanted === undefined ? [...byId.keys()] : [...new Set(wanted.filter((id) => byId.has(id)))];
  return ids
    .sort((a, b) => Number(a) - Number(b))
    .map((id) => `${byId.get(id)}\n`)
    .join('');
}

function kill(args: Args, stream: RedisStream): RespValue | ClusterQuestion {
  const filter = killFilter(args, stream.id);
  if (filter instanceof ErrorReply) return filter;
  const isOldForm = args.length === 1;
  return new ClusterQuestion(['KILL', ...args], (answers) => {
    const killed = answers.reduce((sum, answer) => sum + Number(answer), 0);
    if (!isOldForm) return killed;
    return killed === 0 ? NO_SUCH_CLIENT : OK;
  });
}

function pause([timeoutText = '', mode = 'ALL', ...more]: Args): RespValue | ClusterQuestion {
  if (more.length > 0) return SYNTAX_ERROR;
  if (!/^(?:write|all)$/i.test(mode)) return BAD_PAUSE_MODE;
  const timeout = parseSafeInteger(timeoutText);
  if (timeout === undefined) return TIMEOUT_NOT_AN_INTEGER;
  if (timeout < 0) return TIMEOUT_NEGATIVE;
  return new ClusterQuestion(['PAUSE', timeoutText, mode.toUpperCase()], () => OK);
}

function onOrOff([mode = '']: Args): RespValue {
  return /^(?:on|off)$/i.test(mode) ? OK : SYNTAX_ERROR;
}

const SUBCOMMANDS = new Map<string, Subcommand>([
  [
    'getname',
    {
      arity: 2,
      help: ['GETNAME', 'Return the name of the connection.'],
      run: (_, { settings: { name } }) => (name === '' ? null : name),
    },
  ],
  [
    'getredir',
    {
      arity: 2,
      help: ['GETREDIR', 'Return -1: there is no tracking to redirect.'],
      run: () => NO_REDIRECTION,
    },
  ],
  [
    'id',
    {
      arity: 2,
      help: ['ID', 'Return the id of the connection, unique in the cluster.'],
      run: (_, { id }) => id,
    },
  ],
  [
    'info',
    {
      arity: 2,
      help: ['INFO', 'Return information about the connection.'],
      run: (_args, _stream, { self }) => new VerbatimText(clientLine(self())),
    },
  ],
  [
    'kill',
    {
      arity: -3,
      help: [
        'KILL <ip:port> | [ID <id>] [ADDR <ip:port>] [LADDR <ip:port>] [TYPE <type>] [USER <name>] [SKIPME YES|NO]',
        'Close the connections, at whatever server, that all of it applies to.',
      ],
      run: kill,
    },
  ],
  [
    'list',
    {
      arity: -2,
      help: [
        'LIST [TYPE <type> | ID <id> [<id> ...]]',
        'Return information about the connections of all servers.',
      ],
      run: list,
    },
  ],
  [
    'no-evict',
    { arity: 3, help: ['NO-EVICT (ON|OFF)', 'Accepted: no connection is evicted.'], run: onOrOff },
  ],
  ['no-touch', { arity: 3, help: ['NO-TOUCH (ON|OFF)', 'Accepted: no key is touched.'], run: onOrOff }],
  [
    'pause',
    {
      arity: -3,
      help: [
        'PAUSE <timeout> [WRITE|ALL]',
        'Have all commands at all servers, or just writes, wait for <timeout> ms.',
      ],
      run: pause,
    },
  ],
  [
    'reply',
    {
      arity: 3,
      help: ['REPLY (ON|OFF|SKIP)', 'Answer the commands to come, none of them, or all but the next.'],
      // What is none of these three. The stream has taken the others.
      run: () => SYNTAX_ERROR,
    },
  ],
  [
    'setinfo',
    {
      arity: 4,
      help: ['SETINFO (LIB-NAME|LIB-VER) <value>', 'Tell the name or version of the client library.'],
      run: setInfo,
    },
  ],
  ['setname', { arity: 3, help: ['SETNAME <name>', 'Give the connection a name.'], run: setName }],
  [
    'unpause',
    {
      arity: 2,
      help: ['UNPAUSE', 'End what PAUSE has begun.'],
      run: () => new ClusterQuestion(['UNPAUSE'], () => OK),
    },
  ],
]);

export const client: LocalCommand = container('client', SUBCOMMANDS);
