/** Every Redis command there is, by name. */

import {
  DB_OUT_OF_RANGE,
  NOT_AN_INTEGER,
  OK,
  type RespValue,
  SimpleString,
  wrongArity,
} from '../../protocol/resp/value.js';
import type { Args, ConnectionCommand, KeyPositions, RedisCommand } from './command.js';
import { ALL_KEYS } from './command.js';
import { KEY_COMMANDS } from './keys.js';
import { parseInteger } from './numbers.js';
import { STRING_COMMANDS } from './strings.js';

function connection(
  name: string,
  arity: number,
  { keys, run }: { keys?: KeyPositions; run?: ConnectionCommand['run'] } = {},
): ConnectionCommand {
  return { kind: 'connection', name, arity, keys, run };
}

const PONG = new SimpleString('PONG');

function ping(args: Args): RespValue {
  return args.length > 1 ? wrongArity('ping') : (args[0] ?? PONG);
}

/** There is one database. */
function select([database = '']: Args): RespValue {
  if (database === '0') return OK;
  return parseInteger(database) === undefined ? NOT_AN_INTEGER : DB_OUT_OF_RANGE;
}

function accept(): RespValue {
  return OK;
}

const CONNECTION_COMMANDS = [
  connection('ping', -1, { run: ping }),
  connection('echo', 2, { run: ([text = '']) => text }),
  connection('hello', -1),
  connection('auth', -2),
  connection('select', 2, { run: select }),
  connection('quit', -1),
  connection('reset', 1),
  connection('command', -1),
  connection('client', -2),
  connection('config', -2),
  connection('info', -1),
  connection('time', 1),
  connection('cluster', -2),
  connection('readonly', 1, { run: accept }),
  connection('readwrite', 1, { run: accept }),
  connection('asking', 1, { run: accept }),
  connection('wait', 3),
  connection('scan', -2),
  connection('multi', 1),
  connection('exec', 1),
  connection('discard', 1),
  connection('watch', -2, { keys: ALL_KEYS }),
  connection('unwatch', 1, { run: accept }),
];

export const COMMANDS: ReadonlyMap<string, RedisCommand> = new Map(
  [...CONNECTION_COMMANDS, ...STRING_COMMANDS, ...KEY_COMMANDS].map((command) => [command.name, command]),
);

/** The command of that name, in upper or lower case. */
export function commandOf(name: string): RedisCommand | undefined {
  return COMMANDS.get(name) ?? COMMANDS.get(name.toLowerCase());
}
