/** Redis's protocol for replies, in its versions 2 and 3. */

import type { ByteString } from '../../bytes/byte-string.js';
import type { ByteWriter } from '../../bytes/byte-writer.js';
import type { RespReply } from '../reply.js';
import { NO_LEADER, OUTCOME_UNKNOWN, TIMED_OUT, UNWRITABLE } from './errors.js';
import { ErrorReply, MapReply, NullArray, type RespValue, SimpleString, VerbatimText } from './value.js';

export type RespVersion = 2 | 3;

/** Appends the reply to a Redis command. */
export function writeRespReply(out: ByteWriter, reply: RespReply, version: RespVersion): void {
  switch (reply.type) {
    case 'resp':
      writeResp(out, reply.value, version);
      return;
    case 'ok':
      out.latin1('+OK\r\n');
      return;
    case 'value':
      writeBulk(out, reply.value);
      return;
    case 'not-found':
      writeResp(out, null, version);
      return;
    case 'no-leader':
      writeResp(out, NO_LEADER, version);
      return;
    case 'unwritable':
      writeResp(out, UNWRITABLE, version);
      return;
    case 'internal-error':
      writeResp(out, OUTCOME_UNKNOWN, version);
      return;
    case 'timed-out':
      writeResp(out, TIMED_OUT, version);
      return;
    default:
      throw new TypeError(`no Redis command comes to ${reply.type}`);
  }
}

/** Appends the value. */
export function writeResp(out: ByteWriter, value: RespValue, version: RespVersion): void {
  if (typeof value === 'string') writeBulk(out, value);
  else if (typeof value === 'number' || typeof value === 'bigint') out.latin1(`:${value}\r\n`);
  else if (value === null) out.latin1(version === 3 ? '_\r\n' : '$-1\r\n');
  else if (value instanceof NullArray) out.latin1(version === 3 ? '_\r\n' : '*-1\r\n');
  else if (value instanceof SimpleString) out.latin1(`+${value.text}\r\n`);
  else if (value instanceof ErrorReply) out.latin1(`-${oneLine(value.message)}\r\n`);
  else if (value instanceof VerbatimText) writeVerbatim(out, value.text, version);
  else if (value instanceof MapReply) writeMap(out, value, version);
  else {
    out.latin1(`*${value.length}\r\n`);
    for (const element of value) writeResp(out, element, version);
  }
}

function writeBulk(out: ByteWriter, value: ByteString): void {
  out.latin1('$');
  out.decimal(value.length);
  out.latin1('\r\n');
  out.text(value);
  out.latin1('\r\n');
}

function writeVerbatim(out: ByteWriter, text: string, version: RespVersion): void {
  if (version === 2) writeBulk(out, text);
  else out.latin1(`=${text.length + 4}\r\ntxt:${text}\r\n`);
}

function writeMap(out: ByteWriter, { entries }: MapReply, version: RespVersion): void {
  out.latin1(version === 3 ? `%${entries.length}\r\n` : `*${entries.length * 2}\r\n`);
  for (const [key, value] of entries) {
    writeResp(out, key, version);
    writeResp(out, value, version);
  }
}

/** An error may quote what a client has typed. */
function oneLine(message: string): string {
  return message.replaceAll(/[\r\n]/g, ' ');
}
