/** Which protocol a connection speaks: its first byte tells, or else its first line. */

import { MAX_LINE_BYTES } from '../limits.js';
import { AT_COMMAND_START, AT_RESP_START, type RespCheckpoint, type TextPlace } from './checkpoint.js';
import { beginsHttp, isHttpLine } from './http-line.js';
import { commandOf } from './resp/commands.js';

const RESP_FIRST_BYTE = 0x2a; // '*'
const CR = 0x0d;
const LF = 0x0a;

/**
 * First words that mean the text protocol when in small letters, even if a Redis command has that name: the text protocol's
 * commands, and words that are reserved for more of them.
 */
const TEXT_WORDS = new Set('set get getm gets cas add delete session once watch unwatch auth'.split(' '));

/** Room for a line of the greatest length and its line break. */
const MAX_BYTES = MAX_LINE_BYTES + 2;

/**
 * Where a stream stands at its beginning, and so which protocol it speaks; `http` for one that is to be closed; undefined
 * until more of it is there, which is the case for {@link MAX_LINE_BYTES} and a line break at most.
 *
 * @param bytes all that has come in so far, never none.
 */
export function startOf(bytes: Uint8Array): TextPlace | RespCheckpoint | 'http' | undefined {
  if (bytes[0] === RESP_FIRST_BYTE) return AT_RESP_START;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, MAX_BYTES));
  const lineBreak = buffer.indexOf(LF);
  if (lineBreak === -1) {
    if (buffer.byteLength < MAX_BYTES) return undefined;
    return beginsHttp(buffer, 0) ? 'http' : AT_COMMAND_START;
  }
  const end = lineBreak > 0 && buffer[lineBreak - 1] === CR ? lineBreak - 1 : lineBreak;
  if (isHttpLine(buffer, 0, end)) return 'http';
  const [word = ''] = buffer.toString('latin1', 0, end).trimStart().split(/\s/, 1);
  if (TEXT_WORDS.has(word)) return AT_COMMAND_START;
  return commandOf(word) === undefined ? AT_COMMAND_START : AT_RESP_START;
}
