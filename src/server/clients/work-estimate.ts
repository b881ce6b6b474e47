/**
 * Estimates the work of a command, so that clients have no more work in flight than others can wait for. The actual work is
 * counted when it is done.
 */

import type { Args, Command } from '../../protocol/command.js';
import type { RedisReadRequest, RedisWatchRequest } from '../../protocol/request.js';
import { commandOf } from '../../protocol/resp/commands.js';

/** Units of work (state-machine/work.ts): for each argument, for a command that looks at each byte of values, for any other. */
const ARG_UNITS = 400;
const COSTLY_UNITS = 10_000_000;
const COMMAND_UNITS = 1_500;

/** The cost of adding floats with many digits; others cost less. */
const FLOAT_UNITS = 500_000;

/** A command with no more arguments is cheap. */
const FEW_ARGS = 16;

/** Commands that copy the value of their first key. */
const COPYING = new Set(['copy', 'rename', 'renamenx', 'get', 'getset', 'getdel', 'getex']);
const UNITS_PER_COPIED_BYTE = 2;

/** Commands of a transaction, and keys of MGET, that are looked at; the others are taken to be like them. */
const MAX_LOOKED_AT = 64;
const MAX_KEYS_LOOKED_AT = 256;

/** Tells the length of a key's value as it is now. */
export type LengthOf = (key: string) => number;

/** Units of work to read; 0 for what is little, and for what is bounded in another way. */
export function estimateRead({ command, args }: RedisReadRequest, lengthOf: LengthOf): number {
  const units = args.length > FEW_ARGS ? ARG_UNITS * args.length : 0;
  if (command.name !== 'mget') return units;
  const lookedAt = args.slice(0, MAX_KEYS_LOOKED_AT);
  const byteCount = lookedAt.reduce((sum, key) => sum + lengthOf(key), 0);
  return units + byteCount * (args.length / lookedAt.length);
}

/** Units of work to find all keys that are to be watched. */
export function estimateWatch({ keys }: RedisWatchRequest): number {
  return ARG_UNITS * keys.length;
}

/** Units of work to apply a write; 0 for what is little. */
export function estimateWork(write: Command, lengthOf: LengthOf): number {
  switch (write.type) {
    case 'redis':
      return estimateOf(write.args, lengthOf);
    case 'redis-transaction': {
      const { commands } = write;
      let units = 0;
      for (const args of commands.slice(0, MAX_LOOKED_AT))
        units += COMMAND_UNITS + estimateOf(args, lengthOf);
      return units * Math.max(1, commands.length / MAX_LOOKED_AT);
    }
    case 'once':
      return estimateWork(write.command, lengthOf);
    default:
      return 0;
  }
}

function estimateOf(args: Args, lengthOf: LengthOf): number {
  const [name = '', key = ''] = args;
  const units = args.length > FEW_ARGS ? ARG_UNITS * args.length : 0;
  const command = commandOf(name);
  if (command === undefined) return units;
  if (command.isCostly || command.kind === 'walk') return units + COSTLY_UNITS;
  if (command.name === 'incrbyfloat') return units + FLOAT_UNITS;
  return COPYING.has(command.name) ? units + UNITS_PER_COPIED_BYTE * lengthOf(key) : units;
}
