/**
 * Replies to Redis commands, before they are written as RESP, and the errors among them.
 */

import { MAX_REDIS_REPLY_BYTES } from '../../limits.js';

/** `+OK` and the like. */
export class SimpleString {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** `-ERR ...`: the first word is the kind of the error. */
export class ErrorReply {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

/** A map in RESP3, a flat list of keys and values in RESP2. */
export class MapReply {
  readonly entries: readonly (readonly [RespValue, RespValue])[];

  constructor(entries: readonly (readonly [RespValue, RespValue])[]) {
    this.entries = entries;
  }
}

/** Text for a human reader: a verbatim string in RESP3. */
export class VerbatimText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** The null of a list. RESP2 writes it in another way than the null of a string. */
export class NullArray {}

/** A string is a bulk string, one character per byte; null is the null of the protocol; numbers are integers. */
export type RespValue =
  | string
  | number
  | bigint
  | null
  | NullArray
  | SimpleString
  | ErrorReply
  | MapReply
  | VerbatimText
  | readonly RespValue[];

export const OK = new SimpleString('OK');
export const QUEUED = new SimpleString('QUEUED');
export const NULL_ARRAY = new NullArray();

export const SYNTAX_ERROR = new ErrorReply('ERR syntax error');
export const NOT_AN_INTEGER = new ErrorReply('ERR value is not an integer or out of range');
export const NOT_A_FLOAT = new ErrorReply('ERR value is not a valid float');
export const DB_OUT_OF_RANGE = new ErrorReply('ERR DB index is out of range');
export const NO_SUCH_KEY = new ErrorReply('ERR no such key');
export const TOO_LONG = new ErrorReply('ERR string exceeds maximum allowed size (proto-max-bulk-len)');

/** Arguments shown of an unknown command, and how long each may be. */
const SHOWN_ARGUMENTS = 20;
const SHOWN_CHARS = 128;

export function unknownCommand(name: string, args: readonly string[]): ErrorReply {
  const shown = args.slice(0, SHOWN_ARGUMENTS).map((arg) => `'${arg.slice(0, SHOWN_CHARS)}' `);
  return new ErrorReply(
    `ERR unknown command '${name.slice(0, SHOWN_CHARS)}', with args beginning with: ${shown.join('')}`,
  );
}

export function unknownSubcommand(command: string, subcommand: string): ErrorReply {
  return new ErrorReply(`ERR unknown subcommand '${subcommand}'. Try ${command} HELP.`);
}

export function wrongArity(command: string): ErrorReply {
  return new ErrorReply(`ERR wrong number of arguments for '${command.toLowerCase()}' command`);
}

export function invalidExpireTime(command: string): ErrorReply {
  return new ErrorReply(`ERR invalid expire time in '${command.toLowerCase()}' command`);
}

export const REPLY_TOO_LARGE = new ErrorReply(
  `ERR the reply is left out: it is over ${MAX_REDIS_REPLY_BYTES} bytes`,
);

/** The most that anything but a string takes, and the least that a string takes. */
const SMALL_BYTES = 64;

/** How many bytes the reply takes, or a few more. Maps are small. */
export function sizeOf(value: RespValue): number {
  if (typeof value === 'string') return value.length + SMALL_BYTES;
  if (!Array.isArray(value)) return SMALL_BYTES;
  return value.reduce<number>((sum, element) => sum + sizeOf(element), SMALL_BYTES);
}

/** Whether the reply is so small that a transaction of such replies is never too large. */
export function isSmall(value: RespValue): boolean {
  return sizeOf(value) <= 2 * SMALL_BYTES;
}

/** The reply, unless it is too large. */
export function limited(value: RespValue): RespValue {
  return sizeOf(value) > MAX_REDIS_REPLY_BYTES ? REPLY_TOO_LARGE : value;
}
