/** COMMAND: what the table of commands says. */

import type { Args } from '../../protocol/command.js';
import { COMMANDS, type RedisCommand } from '../../protocol/resp/commands.js';
import { unknownSubcommand } from '../../protocol/resp/errors.js';
import { MapReply, type RespValue, SimpleString } from '../../protocol/resp/value.js';

export function command([subcommand, ...names]: Args): RespValue {
  if (subcommand === undefined) return [...COMMANDS.values()].map(describeCommand);
  switch (subcommand.toUpperCase()) {
    case 'COUNT':
      return COMMANDS.size;
    case 'DOCS':
      return new MapReply(
        [...COMMANDS.keys()]
          .filter((name) => names.length === 0 || names.some((one) => one.toLowerCase() === name))
          .map((name) => [name, new MapReply([['group', 'generic']])]),
      );
    case 'INFO':
      return (names.length === 0 ? [...COMMANDS.keys()] : names).map((name) => {
        const found = COMMANDS.get(name.toLowerCase());
        return found === undefined ? null : describeCommand(found);
      });
    default:
      return unknownSubcommand('COMMAND', subcommand);
  }
}

function describeCommand(command: RedisCommand): RespValue {
  const { name, arity, keys, kind } = command;
  const flags =
    kind === 'write' ? ['write'] : kind === 'read' || kind === 'walk' ? ['readonly'] : ['loading', 'stale'];
  const positions =
    keys === undefined ? [0, 0, 0] : [keys.first + 1, keys.last < 0 ? keys.last : keys.last + 1, keys.step];
  return [name, arity, flags.map((flag) => new SimpleString(flag)), ...positions, [], [], [], []];
}
