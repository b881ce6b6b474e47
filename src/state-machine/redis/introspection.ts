/** OBJECT and MEMORY: how a key is kept. */

import type { Args } from '../../protocol/command.js';
import {
  NOT_AN_INTEGER,
  SYNTAX_ERROR,
  unknownSubcommand,
  wrongArity,
} from '../../protocol/resp/error-replies.js';
import { parseInteger } from '../../protocol/resp/numbers.js';
import { ErrorReply, OK, type RespValue, SimpleString } from '../../protocol/resp/value.js';
import type { Read, ReadableKeyspace } from './keyspace.js';

const NO_FREQUENCY = new ErrorReply(
  'ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between ' +
    'policies at runtime LRU and LFU data will take some time to adjust.',
);

/** Bytes that a key takes besides its own and its value's: its record's header, and its place in the index. */
const RECORD_OVERHEAD_BYTES = 48;

/** Redis keeps a value of up to this length in one piece with its header. */
const MAX_EMBEDDED_BYTES = 44;
const MAX_INTEGER_CHARS = 20;

const OBJECT_HELP = [
  'OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:',
  'ENCODING <key>',
  '    Return how Redis would keep the value.',
  'FREQ <key>',
  '    An error: accesses are not counted.',
  'IDLETIME <key>',
  '    Return 0: accesses are not noted.',
  'REFCOUNT <key>',
  '    Return 1: no value is shared.',
  'HELP',
  '    Print this help.',
];

const MEMORY_HELP = [
  'MEMORY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:',
  'USAGE <key> [SAMPLES <count>]',
  '    Return the bytes that a key and its value take on a server.',
  'DOCTOR',
  '    Refer to the metrics of the admin API.',
  'PURGE',
  '    Accepted: there is nothing to purge.',
  'HELP',
  '    Print this help.',
];

function object(keyspace: ReadableKeyspace, [subcommand = '', ...args]: Args): RespValue {
  const name = subcommand.toLowerCase();
  if (name === 'help' && args.length === 0) return lines(OBJECT_HELP);
  if (!['encoding', 'freq', 'idletime', 'refcount'].includes(name))
    return unknownSubcommand('OBJECT', subcommand);
  const [key] = args;
  if (key === undefined || args.length > 1) return wrongArity(`object|${name}`);
  if (keyspace.find(key) === undefined) return null;
  switch (name) {
    case 'encoding':
      return encodingOf(keyspace, key);
    case 'freq':
      return NO_FREQUENCY;
    case 'refcount':
      return 1;
    default:
      return 0;
  }
}

function encodingOf(keyspace: ReadableKeyspace, key: string): string {
  const length = keyspace.find(key)?.length ?? 0;
  if (length > MAX_EMBEDDED_BYTES) return 'raw';
  const isShort = length <= MAX_INTEGER_CHARS;
  return isShort && parseInteger(keyspace.slice(key, 0, length)) !== undefined ? 'int' : 'embstr';
}

function memory(keyspace: ReadableKeyspace, [subcommand = '', ...args]: Args): RespValue {
  const name = subcommand.toLowerCase();
  switch (name) {
    case 'usage':
      return args.length === 0 ? wrongArity('memory|usage') : usage(keyspace, args);
    case 'doctor':
      return args.length > 0
        ? wrongArity('memory|doctor')
        : 'See the metrics of the admin API: GET /metrics.';
    case 'purge':
      return args.length > 0 ? wrongArity('memory|purge') : OK;
    case 'help':
      return lines(MEMORY_HELP);
    default:
      return unknownSubcommand('MEMORY', subcommand);
  }
}

function usage(keyspace: ReadableKeyspace, [key = '', ...options]: Args): RespValue {
  for (let at = 0; at < options.length; at += 2) {
    const samples = options[at + 1];
    if (options[at]?.toUpperCase() !== 'SAMPLES' || samples === undefined) return SYNTAX_ERROR;
    const count = parseInteger(samples);
    if (count === undefined) return NOT_AN_INTEGER;
    if (count < 0n) return SYNTAX_ERROR;
  }
  const meta = keyspace.find(key);
  return meta === undefined ? null : RECORD_OVERHEAD_BYTES + key.length + meta.length;
}

function lines(texts: readonly string[]): RespValue {
  return texts.map((text) => new SimpleString(text));
}

export const INTROSPECTION_READS: Readonly<Record<string, Read>> = { object, memory };
