/** Redis's protocol for replies, in its versions 2 and 3. */

import type { ByteString } from '../../bytes/byte-string.js';
import type { ByteWriter } from '../../bytes/byte-writer.js';
import type { PushReply, RespReply } from '../reply.js';
import { NO_LEADER, OUTCOME_UNKNOWN, RESULT_TOO_LONG, TIMED_OUT, UNWRITABLE } from './error-replies.js';
import { NO_SESSION, RESULT_FORGOTTEN, RESULT_NOT_KEPT, VERSION_MISMATCH } from './session-errors.js';
import { ErrorReply, MapReply, NullArray, type RespValue, SimpleString, VerbatimText } from './value.js';

export type RespVersion = 2 | 3;

/** Appends the reply to a Redis command. */
export function writeRespReply(out: ByteWriter, reply: RespReply, version: RespVersion): void {
  switch (reply.type) {
    case 'resp':
      writeResp(out, reply.value, version);
      return;
    case 'pushes':
      writePushes(out, reply, version);
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
    case 'result-unknown':
      writeResp(out, OUTCOME_UNKNOWN, version);
      return;
    case 'result-too-long':
      writeResp(out, RESULT_TOO_LONG, version);
      return;
    case 'timed-out':
      writeResp(out, TIMED_OUT, version);
      return;
    case 'session':
      writeBulk(out, reply.id);
      return;
    case 'session-closed':
      out.latin1('+CLOSED\r\n');
      return;
    case 'no-session':
      writeResp(out, NO_SESSION, version);
      return;
    case 'result-not-kept':
      writeResp(out, RESULT_NOT_KEPT, version);
      return;
    case 'result-forgotten':
      writeResp(out, RESULT_FORGOTTEN, version);
      return;
    // Results of the text protocol's commands, repeated here.
    case 'deleted':
      writeResp(out, 1, version);
      return;
    case 'ok-at':
      out.latin1('+OK\r\n');
      return;
    case 'added':
      writeResp(out, reply.revision, version);
      return;
    case 'exists':
      writeResp(out, 0, version);
      return;
    case 'version-mismatch':
      writeResp(out, VERSION_MISMATCH, version);
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

/** Writes a long reply in slices. Arrays are cut between their elements; what else there is is small enough. */
export class LongReplyWriter {
  readonly #version: RespVersion;
  /** The arrays that are being written, one within the other, and how many elements of each are. */
  readonly #arrays: { readonly elements: readonly RespValue[]; written: number }[] = [];

  constructor(elements: readonly RespValue[], version: RespVersion) {
    this.#version = version;
    this.#arrays.push({ elements, written: 0 });
  }

  /**
   * Appends elements until as many units of work are spent: a byte is one, and an element {@link ELEMENT_WORK}. Returns whether
   * the whole reply is written.
   */
  write(out: ByteWriter, units: number): boolean {
    let left = units;
    while (left > 0) {
      const array = this.#arrays.at(-1);
      if (array === undefined) return true;
      const { length } = out;
      const { elements, written } = array;
      if (written === 0) out.latin1(`*${elements.length}\r\n`);
      if (written === elements.length) {
        this.#arrays.pop();
        continue;
      }
      const element = elements[written] ?? null;
      array.written += 1;
      if (isList(element) && element.length > 0) this.#arrays.push({ elements: element, written: 0 });
      else writeResp(out, element, this.#version);
      left -= out.length - length + ELEMENT_WORK;
    }
    return this.#arrays.length === 0;
  }
}

/** Writing an element, besides its bytes, in units of about a nanosecond. */
const ELEMENT_WORK = 60;

function isList(value: RespValue): value is readonly RespValue[] {
  return Array.isArray(value);
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

function writePushes(out: ByteWriter, { pushes }: PushReply, version: RespVersion): void {
  for (const push of pushes) {
    out.latin1(`${version === 3 ? '>' : '*'}${push.length}\r\n`);
    for (const element of push) writeResp(out, element, version);
  }
}

/** An error may quote what a client has typed. As in Redis, line breaks at its end go. */
function oneLine(message: string): string {
  return message.replace(/[\r\n]+$/, '').replaceAll(/[\r\n]/g, ' ');
}
