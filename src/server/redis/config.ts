/** CONFIG GET: what clients ask for, with what is true here. */

import type { Args } from '../../protocol/command.js';
import { unknownSubcommand, wrongArity } from '../../protocol/resp/errors.js';
import { MapReply, type RespValue } from '../../protocol/resp/value.js';
import { matchesGlob } from '../../state-machine/redis/glob.js';

const CONFIG: readonly (readonly [string, string])[] = [
  ['appendfsync', 'always'],
  ['appendonly', 'yes'],
  ['databases', '1'],
  ['maxmemory', '0'],
  ['maxmemory-policy', 'noeviction'],
  ['proto-max-bulk-len', '1048576'],
  ['save', ''],
  ['timeout', '0'],
];

export function config([subcommand = '', ...patterns]: Args): RespValue {
  if (subcommand.toUpperCase() !== 'GET') return unknownSubcommand('CONFIG', subcommand);
  if (patterns.length === 0) return wrongArity('config|get');
  return new MapReply(
    CONFIG.filter(([name]) => patterns.some((pattern) => matchesGlob(pattern.toLowerCase(), name))),
  );
}
