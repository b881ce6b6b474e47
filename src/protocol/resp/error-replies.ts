/** The errors that Redis clients are told by more than one room or command, and those of the stream itself. */

import { parseInteger } from './numbers.js';
import { ErrorReply } from './value.js';

/**
 * The leader that took the command was lost before it told the outcome. The code is one that no client library knows, so that
 * none repeats the command by itself: see docs/redis.md.
 */
export const OUTCOME_UNKNOWN = new ErrorReply(
  'UNKNOWN leadership was lost: the write may or may not have happened',
);
/** The leader that took the command leads still, and has waited for its outcome as long as it may. */
export const TIMED_OUT = new ErrorReply(
  'UNKNOWN no majority of the servers answered in time: the write may or may not have happened',
);
/** The same for a command that is known to have been executed. */
export const RESULT_TOO_LONG = new ErrorReply(
  'UNKNOWN leadership was lost: the command was executed, but its result was too long to be kept',
);
/** As Redis has it when it cannot write to its disk: nothing happened. */
export const UNWRITABLE = new ErrorReply(
  'MISCONF The disks of a majority of the servers take no writes: nothing was written. The log says why.',
);
/** No leader took the command: nothing happened. */
export const NO_LEADER = new ErrorReply('CLUSTERDOWN The cluster is down');

export const SYNTAX_ERROR = new ErrorReply('ERR syntax error');
export const NOT_AN_INTEGER = new ErrorReply('ERR value is not an integer or out of range');
export const NOT_A_FLOAT = new ErrorReply('ERR value is not a valid float');
const NOT_AN_INT32 = new ErrorReply(
  'ERR value is out of range, value must between -2147483648 and 2147483647',
);
const DB_OUT_OF_RANGE = new ErrorReply('ERR DB index is out of range');
export const NO_SUCH_KEY = new ErrorReply('ERR no such key');
export const TOO_LONG = new ErrorReply('ERR string exceeds maximum allowed size (proto-max-bulk-len)');

/** How much is shown of an unknown command's name, and of its arguments together. */
const SHOWN_CHARS = 128;

export function unknownCommand(name: string, args: readonly string[]): ErrorReply {
  let shown = '';
  for (const arg of args) {
    if (shown.length >= SHOWN_CHARS) break;
    shown += `'${beginning(arg, SHOWN_CHARS - shown.length)}' `;
  }
  return new ErrorReply(
    `ERR unknown command '${beginning(name, SHOWN_CHARS)}', with args beginning with: ${shown}`,
  );
}

export function unknownSubcommand(command: string, subcommand: string): ErrorReply {
  return new ErrorReply(
    `ERR unknown subcommand '${beginning(subcommand, SHOWN_CHARS)}'. Try ${command} HELP.`,
  );
}

/** As C prints it: it ends at the first zero byte. */
export function printed(text: string): string {
  const end = text.indexOf('\0');
  return end === -1 ? text : text.slice(0, end);
}

function beginning(text: string, maxChars: number): string {
  return printed(text.slice(0, maxChars));
}

/** What is wrong with a database that is not 0, the only one. */
export function badDatabase(text: string): ErrorReply {
  const number = parseInteger(text);
  if (number === undefined) return NOT_AN_INTEGER;
  return BigInt.asIntN(32, number) === number ? DB_OUT_OF_RANGE : NOT_AN_INT32;
}

export function wrongArity(command: string): ErrorReply {
  return new ErrorReply(`ERR wrong number of arguments for '${command.toLowerCase()}' command`);
}

export function invalidExpireTime(command: string): ErrorReply {
  return new ErrorReply(`ERR invalid expire time in '${command.toLowerCase()}' command`);
}

/** The stream makes no sense from here on. The message is for the client, whose connection then closes. */
export class RespProtocolError {
  readonly message: string;

  constructor(reason: string) {
    this.message = `ERR Protocol error: ${reason}`;
  }
}

/** A command is too large. The message is for the client; what is left of the command is dropped as it comes. */
export class RespRefusal {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}
