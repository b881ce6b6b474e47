/** SESSION and ONCE: a client's sessions, in which commands are executed exactly once. */

import {
  DEFAULT_SESSION_TTL_S,
  MAX_SESSION_COMMANDS,
  MAX_SESSION_ID_BYTES,
  MAX_SESSION_TTL_S,
  MIN_SESSION_TTL_S,
} from '../../session-limits.js';
import { type Args, isWithinSession } from '../command.js';
import type { Request } from '../request.js';
import { commandOf, firstKeyOf, hasArity, type RedisCommand } from './commands.js';
import { unknownCommand, unknownSubcommand, wrongArity } from './error-replies.js';
import { parseSafeInteger } from './numbers.js';
import { fixed, plainSet } from './requests.js';
import { NO_SESSION } from './session-errors.js';
import { ErrorReply } from './value.js';

const BAD_TTL = new ErrorReply(
  `ERR a session lives for ${MIN_SESSION_TTL_S} to ${MAX_SESSION_TTL_S} seconds`,
);
const BAD_NUMBERS = new ErrorReply(
  `ERR a command's number is 1 to ${MAX_SESSION_COMMANDS} above what is done`,
);
const NO_WRITE = new ErrorReply('ERR only a command that writes keys can be executed once');

/** The request of SESSION or ONCE with these arguments, which are as many as there must be. */
export function sessionRequest(name: string, args: Args): Request {
  return name === 'once' ? once(args) : session(args);
}

/** Whether it executes a command that a client has one at a time of. */
export function isCostlyOnce({ name }: RedisCommand, [, , , executed = '']: Args): boolean {
  return name === 'once' && commandOf(executed)?.isCostly === true;
}

function session([subcommand = '', argument, ...more]: Args): Request {
  const what = subcommand.toLowerCase();
  if (what !== 'open' && what !== 'close') return fixed(unknownSubcommand('SESSION', subcommand));
  if (more.length > 0) return fixed(wrongArity(`session|${what}`));
  if (what === 'open') {
    const ttlS = argument === undefined ? DEFAULT_SESSION_TTL_S : parseSafeInteger(argument);
    const isGood = ttlS !== undefined && ttlS >= MIN_SESSION_TTL_S && ttlS <= MAX_SESSION_TTL_S;
    return isGood ? { type: 'session-open', ttlS } : fixed(BAD_TTL);
  }
  if (argument === undefined) return fixed(wrongArity('session|close'));
  // No id is as long as what is left of one that is too long.
  return { type: 'session-close', id: argument.slice(0, MAX_SESSION_ID_BYTES + 1) };
}

function once([id = '', seqText = '', doneText = '', name = '', ...rest]: Args): Request {
  const seq = parseSafeInteger(seqText);
  const done = parseSafeInteger(doneText);
  if (seq === undefined || done === undefined || done < 0 || !isWithinSession(seq, done))
    return fixed(BAD_NUMBERS);
  const command = commandOf(name);
  if (command === undefined) return fixed(unknownCommand(name, rest));
  if (command.kind !== 'write') return fixed(NO_WRITE);
  if (!hasArity(command, rest)) return fixed(wrongArity(command.name));
  if (id.length > MAX_SESSION_ID_BYTES) return fixed(NO_SESSION);
  return {
    type: 'once',
    id,
    seq,
    done,
    command: plainSet(command, rest) ?? { type: 'redis', args: [name, ...rest] },
    slotKey: firstKeyOf(command, rest),
  };
}
