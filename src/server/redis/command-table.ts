/** COMMAND: what the table of commands says. */

import { MAX_REDIS_REPLY_BYTES } from '../../limits.js';
import type { Args } from '../../protocol/command.js';
import { COMMANDS, commandOf, hasArity, keysOf, type RedisCommand } from '../../protocol/resp/commands.js';
import { SYNTAX_ERROR } from '../../protocol/resp/error-replies.js';
import type { RedisStream } from '../../protocol/resp/redis-stream.js';
import { REPLY_TOO_LARGE, sizeOf } from '../../protocol/resp/reply-size.js';
import { ErrorReply, MapReply, type RespValue, SimpleString } from '../../protocol/resp/value.js';
import { matchesGlob } from '../../state-machine/redis/glob.js';
import { container, type LocalCommand, type Subcommand } from './container.js';
import type { RedisContext } from './context.js';

const NO_SUCH_COMMAND = new ErrorReply('ERR Invalid command specified');
const BAD_ARITY = new ErrorReply('ERR Invalid number of arguments specified for command');
const NO_KEYS = new ErrorReply('ERR The command has no key arguments');

export function command(args: Args, stream: RedisStream, context: RedisContext): ReturnType<LocalCommand> {
  return args.length === 0 ? information([]) : subcommand(args, stream, context);
}

function getKeys(nameAndArgs: Args): RespValue {
  const [name = ''] = nameAndArgs;
  const args = nameAndArgs.slice(1);
  const found = commandOf(name);
  if (found === undefined) return NO_SUCH_COMMAND;
  if (found.keys === undefined) return NO_KEYS;
  return hasArity(found, args) ? keysOf(found, args) : BAD_ARITY;
}

function list([filter, kind, wanted = '', ...more]: Args): RespValue {
  const names = [...COMMANDS.keys()];
  if (filter === undefined) return names;
  if (filter.toUpperCase() !== 'FILTERBY' || kind === undefined || wanted === '' || more.length > 0)
    return SYNTAX_ERROR;
  switch (kind.toUpperCase()) {
    case 'PATTERN':
      return names.filter((name) => matchesGlob(wanted.toLowerCase(), name));
    case 'MODULE':
      return [];
    case 'ACLCAT':
      return [...COMMANDS.values()].filter((one) => isIn(one, wanted.toLowerCase())).map(({ name }) => name);
    default:
      return SYNTAX_ERROR;
  }
}

/** Whether the command is in this category of ACLs, as far as that follows from the table. */
function isIn({ kind, keys }: RedisCommand, category: string): boolean {
  switch (category) {
    case 'write':
      return kind === 'write';
    case 'read':
      return kind === 'read' || kind === 'walk';
    case 'connection':
      return keys === undefined && (kind === 'connection' || kind === 'fixed');
    default:
      return false;
  }
}

export function documentation(names: Args): RespValue {
  const wanted = new Set(names.map((name) => name.toLowerCase()));
  return new MapReply(
    [...COMMANDS.keys()]
      .filter((name) => names.length === 0 || wanted.has(name))
      .map((name) => [name, new MapReply([['group', 'generic']])]),
  );
}

export function information(names: Args): RespValue {
  let leftBytes = MAX_REDIS_REPLY_BYTES;
  const descriptions: RespValue[] = [];
  for (const name of names.length === 0 ? COMMANDS.keys() : names) {
    const found = DESCRIPTIONS.get(name.toLowerCase());
    leftBytes -= found?.byteCount ?? NONE_BYTES;
    if (leftBytes < 0) return REPLY_TOO_LARGE;
    descriptions.push(found?.description ?? null);
  }
  return descriptions;
}

const SUBCOMMANDS = new Map<string, Subcommand>([
  ['count', { arity: 2, help: ['COUNT', 'Return the number of commands.'], run: () => COMMANDS.size }],
  [
    'docs',
    { arity: -2, help: ['DOCS [<name> ...]', 'Return names without documentation.'], run: documentation },
  ],
  [
    'getkeys',
    { arity: -4, help: ['GETKEYS <command> ...', 'Return the keys that the command names.'], run: getKeys },
  ],
  [
    'info',
    { arity: -2, help: ['INFO [<name> ...]', 'Return arity, flags and key positions.'], run: information },
  ],
  [
    'list',
    {
      arity: -2,
      help: [
        'LIST [FILTERBY (PATTERN <pattern>|ACLCAT <category>|MODULE <name>)]',
        'Return the names of commands.',
      ],
      run: list,
    },
  ],
]);

const subcommand: LocalCommand = container('command', SUBCOMMANDS);

/** Made once: a client may ask for the same one thousands of times. */
const DESCRIPTIONS = new Map(
  [...COMMANDS].map(([name, one]) => {
    const description = describeCommand(one);
    return [name, { description, byteCount: sizeOf(description) }];
  }),
);
const NONE_BYTES = sizeOf(null);

function describeCommand(command: RedisCommand): RespValue {
  const { name, arity, keys, kind } = command;
  const flags =
    kind === 'write' ? ['write'] : kind === 'read' || kind === 'walk' ? ['readonly'] : ['loading', 'stale'];
  const positions =
    keys === undefined ? [0, 0, 0] : [keys.first + 1, keys.last < 0 ? keys.last : keys.last + 1, keys.step];
  return [name, arity, flags.map((flag) => new SimpleString(flag)), ...positions, [], [], [], []];
}
