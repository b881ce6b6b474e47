/** Cuts a server's bytes into replies: a line each, some of them with a value after it. */

import { memoryOf } from '../bytes/byte-reader.js';
import { InputBuffer } from '../protocol/input-buffer.js';
import { MAX_REPLY_LINE_BYTES, MAX_REPLY_VALUE_BYTES } from './client-limits.js';

const LF = 0x0a;
const CR = 0x0d;
const LINE_BREAK_BYTES = 2;

/** Lines that begin so are followed by a value. They end in its length. */
const VALUE_LINES = ['VALUE ', 'SET '];

/** What was sent is no reply of a server. */
export class BadReplyError extends Error {
  constructor(what: string) {
    super(`no server answers so: ${what}`);
    this.name = 'BadReplyError';
  }
}

export interface Reply {
  /** One character per byte, without the line break. */
  readonly line: string;
  /** A view that is good until the next reply is asked for; undefined where the line has no value. */
  readonly value: Buffer | undefined;
}

export class ReplyReader {
  readonly #input = new InputBuffer();
  readonly #maxLineBytes: number;
  /** Bytes of the line that hold no line break. */
  #scanned = 0;
  /** A line whose value has not come in whole, and that value's length. */
  #line = '';
  #valueBytes = -1;

  /** @param maxLineBytes a longer line is no reply */
  constructor(maxLineBytes = MAX_REPLY_LINE_BYTES) {
    this.#maxLineBytes = maxLineBytes;
  }

  /** The next bytes. They must not change until {@link next} returns undefined. */
  push(bytes: Uint8Array): void {
    this.#input.push({ memory: memoryOf(bytes), start: 0, length: bytes.byteLength });
  }

  /** The next reply; undefined until more bytes come. Throws {@link BadReplyError}. */
  next(): Reply | undefined {
    const reply = this.#next();
    if (reply === undefined) this.#input.keep();
    return reply;
  }

  #next(): Reply | undefined {
    if (this.#valueBytes === -1 && !this.#readLine()) return undefined;
    const line = this.#line;
    if (this.#valueBytes === -1) return { line, value: undefined };
    const { bytes, start, end } = this.#input;
    const valueEnd = start + this.#valueBytes;
    if (end < valueEnd + LINE_BREAK_BYTES) return undefined;
    if (bytes[valueEnd] !== CR || bytes[valueEnd + 1] !== LF)
      throw new BadReplyError('a value without a line break after it');
    this.#input.start = valueEnd + LINE_BREAK_BYTES;
    this.#valueBytes = -1;
    return { line, value: bytes.subarray(start, valueEnd) };
  }

  /** Whether a whole line is there. */
  #readLine(): boolean {
    const { bytes, start, end } = this.#input;
    let lineBreak = start + this.#scanned;
    while (lineBreak < end && bytes[lineBreak] !== LF) lineBreak += 1;
    const length = lineBreak - start;
    if (length > this.#maxLineBytes) throw new BadReplyError('an endless line');
    this.#scanned = length;
    if (lineBreak === end) return false;
    const lineEnd = lineBreak > start && bytes[lineBreak - 1] === CR ? lineBreak - 1 : lineBreak;
    const line = bytes.toString('latin1', start, lineEnd);
    this.#input.start = lineBreak + 1;
    this.#scanned = 0;
    this.#line = line;
    if (VALUE_LINES.some((word) => line.startsWith(word))) this.#valueBytes = lengthIn(line);
    return true;
  }
}

function lengthIn(line: string): number {
  const length = Number(line.slice(line.lastIndexOf(' ') + 1));
  if (!(length >= 0 && length <= MAX_REPLY_VALUE_BYTES)) throw new BadReplyError(JSON.stringify(line));
  return length;
}
