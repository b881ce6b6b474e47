/** DUMP and RESTORE: a key's value in Redis's own format. */

import type { Args } from '../../protocol/command.js';
import { NOT_AN_INTEGER, SYNTAX_ERROR, TOO_LONG } from '../../protocol/resp/error-replies.js';
import { parseInteger } from '../../protocol/resp/numbers.js';
import { ErrorReply, OK, type RespValue } from '../../protocol/resp/value.js';
import { ChangeEvent } from '../change-events.js';
import { CHECKSUM_BYTE_WORK } from '../work.js';
import { deadlineOf } from './expiry.js';
import type { Keyspace, Read, ReadableKeyspace, Write } from './keyspace.js';
import { dumpString, restoreString } from './rdb.js';

const BUSY_KEY = new ErrorReply('BUSYKEY Target key name already exists.');
const BAD_TTL = new ErrorReply('ERR Invalid TTL value, must be >= 0');
const BAD_IDLETIME = new ErrorReply('ERR Invalid IDLETIME value, must be >= 0');
const BAD_FREQ = new ErrorReply('ERR Invalid FREQ value, must be >= 0 and <= 255');
const WRONG_CHECKSUM = new ErrorReply('ERR DUMP payload version or checksum are wrong');
const BAD_FORMAT = new ErrorReply('ERR Bad data format');

const MAX_FREQ = 255n;

function dump(keyspace: ReadableKeyspace, [key = '']: Args): RespValue {
  const record = keyspace.get(key);
  if (record === undefined) return null;
  keyspace.work.units += CHECKSUM_BYTE_WORK * record.value.length;
  return dumpString(record.value);
}

interface Options {
  replaces: boolean;
  isAbsolute: boolean;
}

function parseOptions(args: Args): Options | ErrorReply {
  const options = { replaces: false, isAbsolute: false };
  let hint: string | undefined;
  for (let at = 0; at < args.length; at += 1) {
    const option = args[at]?.toUpperCase() ?? '';
    const amountText = args[at + 1];
    if (option === 'REPLACE') options.replaces = true;
    else if (option === 'ABSTTL') options.isAbsolute = true;
    else if ((option === 'IDLETIME' || option === 'FREQ') && amountText !== undefined) {
      if (hint !== undefined && hint !== option) return SYNTAX_ERROR;
      hint = option;
      const amount = parseInteger(amountText);
      if (amount === undefined) return NOT_AN_INTEGER;
      if (option === 'IDLETIME' && amount < 0n) return BAD_IDLETIME;
      if (option === 'FREQ' && (amount < 0n || amount > MAX_FREQ)) return BAD_FREQ;
      at += 1;
    } else return SYNTAX_ERROR;
  }
  return options;
}

function restore(keyspace: Keyspace, [key = '', ttlText = '', payload = '', ...args]: Args): RespValue {
  const options = parseOptions(args);
  if (options instanceof ErrorReply) return options;
  if (!options.replaces && keyspace.find(key) !== undefined) return BUSY_KEY;
  const ttl = parseInteger(ttlText);
  if (ttl === undefined) return NOT_AN_INTEGER;
  if (ttl < 0n) return BAD_TTL;
  keyspace.work.units += CHECKSUM_BYTE_WORK * payload.length;
  const restored = restoreString(payload, keyspace.maxValueBytes);
  if ('failure' in restored) {
    if (restored.failure === 'wrong checksum') return WRONG_CHECKSUM;
    return restored.failure === 'too long' ? TOO_LONG : BAD_FORMAT;
  }
  let deadlineMs: number | ErrorReply = 0;
  if (ttl > 0n) {
    const unit = options.isAbsolute ? 'ms-at' : 'ms';
    deadlineMs = deadlineOf(keyspace, ttlText, { unit, command: 'restore', mustBePositive: true });
  }
  if (deadlineMs instanceof ErrorReply) return deadlineMs;
  keyspace.put(key, restored.value, deadlineMs, ChangeEvent.restore);
  return OK;
}

export const DUMP_READS: Readonly<Record<string, Read>> = { dump };

export const DUMP_WRITES: Readonly<Record<string, Write>> = { restore };
