/**
 * The parser of Redis's protocol for requests, cut anywhere: arrays of bulk strings, and inline commands, which are lines
 * of words. Empty lines and empty arrays are passed over, as in Redis.
 *
 * Limits are Redis's where a command stays within what one log entry holds.
 */

import type { ByteSpan } from '../../bytes/byte-reader.js';
import {
  MAX_INLINE_BYTES,
  MAX_KEY_BYTES,
  MAX_REDIS_ARGS,
  type StreamLimits,
  streamLimits,
} from '../../limits.js';
import { MAX_PARSED_ARGS } from '../../redis-limits.js';
import { type DroppedRest, NOTHING_DROPPED } from '../checkpoint.js';
import { beginsHttp, isHttpLine } from '../http-line.js';
import { InputBuffer } from '../input-buffer.js';
import { RespProtocolError, RespRefusal } from './error-replies.js';
import { splitInline } from './inline.js';

const CR = 0x0d;
const LF = 0x0a;
const ARRAY = 0x2a; // '*'
const BULK = 0x24; // '$'
const MINUS = 0x2d;
const ZERO = 0x30;

/** A longer argument is a protocol error, as in Redis. */
const MAX_DROPPED_ARG_BYTES = 512 * 1024 * 1024;

/** A length needs few digits. A longer line, its line break not counted, is no length. */
const MAX_LENGTH_LINE_BYTES = 32;

/** A line of HTTP has come, which nobody answers. The connection is to be closed. */
export const HTTP = Symbol('HTTP');

/** What clients ask for most. */
export type PlainCommand =
  | { readonly name: 'get'; readonly key: string }
  /** The value is a view of what was pushed, good until the next push. */
  | { readonly name: 'set'; readonly key: string; readonly value: Uint8Array };

/** The bytes between the number of arguments and a name of three letters. */
const BEFORE_NAME = Buffer.from('\r\n$3\r\n');
const NAME_AT = 2 + BEFORE_NAME.byteLength;
const NAME_BYTES = 3;
const GET = 'get';
const SET = 'set';
const LOWER_CASE = 0x20;
const NO_LENGTH = -1;

/** What a length line says; undefined until all of it is there. */
type Length = number | 'not a number' | undefined;

export class RespParser {
  /** The last call of {@link next} has stopped after {@link MAX_PARSED_ARGS} arguments: the next one goes on. */
  isUnfinished = false;
  readonly #input = new InputBuffer();
  /** The rest of a refused command: bytes of an argument, and arguments after it. */
  #droppedBytes: number;
  #droppedArgs: number;
  /** The arguments so far of the command that is coming in, and how many are missing; 0 between two commands. */
  #args: string[] = [];
  #missing = 0;
  /** Length of the argument that is coming in; -1 while that is not known. */
  #argLength = -1;
  #commandBytes = 0;
  /** Bytes of the inline command that is coming in that hold no line break. */
  #scanned = 0;
  /** Arguments, and empty commands, that this call of {@link next} may still read. */
  #readsLeft = 0;
  #consumed = 0;
  /** Where the refused command began whose rest is dropped. */
  #droppedFrom = 0;
  /** What {@link #findPlain} found: where the command ends, and its arguments; without a value, a length of NO_LENGTH. */
  #plainEnd = 0;
  #keyAt = 0;
  #keyLength = 0;
  #valueAt = 0;
  #valueLength = NO_LENGTH;

  readonly #limits: StreamLimits;

  /** @param dropped what is left of a command that was refused before the first byte to be pushed */
  constructor(dropped = NOTHING_DROPPED, limits = streamLimits()) {
    this.#limits = limits;
    this.#droppedBytes = dropped.bytes;
    this.#droppedArgs = dropped.args;
  }

  /** What is left of the command that was refused last. */
  get dropped(): DroppedRest {
    if (!this.#isDropping) return NOTHING_DROPPED;
    return { bytes: this.#droppedBytes, args: this.#droppedArgs };
  }

  /** How many bytes of the stream the commands returned so far took. */
  get consumed(): number {
    return this.#consumed;
  }

  /** Bytes that came in after the returned commands. */
  get bufferedBytes(): number {
    return this.#input.byteLength + this.#commandBytes;
  }

  /** Where in the stream the command began that has not come in whole, be it refused already; undefined if there is none. */
  get halfStart(): number | undefined {
    if (this.#isDropping) return this.#droppedFrom;
    return this.bufferedBytes > 0 ? this.#consumed : undefined;
  }

  /** The next bytes of the stream. They must not change until the commands in them were taken. */
  push(bytes: ByteSpan): void {
    this.#input.push(bytes);
  }

  /** Nothing will be taken for a while: keeps little more memory than what waits is long. */
  wait(): void {
    this.#input.wait();
  }

  /**
   * The next command's arguments, its name included, one character per byte; undefined until more bytes come, or
   * {@link isUnfinished}. After an error or {@link HTTP} there is nothing more to take.
   */
  next(): string[] | RespRefusal | RespProtocolError | typeof HTTP | undefined {
    this.#readsLeft = MAX_PARSED_ARGS;
    const args = this.#next();
    this.isUnfinished = args === undefined && this.#readsLeft === 0;
    if (args === undefined && !this.isUnfinished) this.#input.settle();
    return args;
  }

  #next(): string[] | RespRefusal | RespProtocolError | typeof HTTP | undefined {
    if (this.#isDropping) {
      const error = this.#drop();
      if (error !== undefined) return error;
      if (this.#isDropping) return undefined;
    }
    while (true) {
      if (this.#missing === 0) {
        const isInline = this.#input.byteLength > 0 && this.#input.bytes[this.#input.start] !== ARRAY;
        const error = isInline ? this.#readInline() : this.#readCount();
        if (error !== undefined) return error;
        if (this.#missing === 0 && this.#args.length === 0) {
          if (this.#commandBytes === 0) return undefined;
          this.#endCommand();
          this.#readsLeft -= 1;
          if (this.#readsLeft === 0) return undefined;
          continue;
        }
      }
      const error = this.#readArgs();
      if (error !== undefined) return error;
      if (this.#missing > 0) return undefined;
      const args = this.#args;
      this.#args = [];
      this.#endCommand();
      return args;
    }
  }

  /** Reads a line of words, if all of it is there. */
  #readInline(): RespProtocolError | typeof HTTP | undefined {
    const { bytes, start, end } = this.#input;
    const lineBreak = bytes.subarray(0, end).indexOf(LF, start + this.#scanned);
    const lineEnd = lineBreak === -1 ? end : lineBreak;
    const textEnd = lineEnd > start && bytes[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd;
    if (textEnd - start > MAX_INLINE_BYTES)
      return beginsHttp(bytes, start) ? HTTP : new RespProtocolError('too big inline request');
    this.#scanned = lineBreak === -1 ? end - start : 0;
    if (lineBreak === -1) return undefined;
    if (isHttpLine(bytes, start, textEnd)) return HTTP;
    const args = splitInline(bytes.toString('latin1', start, textEnd));
    if (args === undefined) return new RespProtocolError('unbalanced quotes in request');
    this.#args = args;
    this.#advance(lineBreak + 1 - start);
    return undefined;
  }

  /**
   * The next command if it is a plain SET or GET that is there as a whole: {@link next} makes a string of each argument,
   * which is most of its work. Undefined for everything else, mistakes included: {@link next} takes those.
   */
  nextPlain(): PlainCommand | undefined {
    if (this.#isWithinCommand || !this.#findPlain(this.#input.start)) return undefined;
    const { bytes, start } = this.#input;
    const key = bytes.toString('latin1', this.#keyAt, this.#keyAt + this.#keyLength);
    this.#consumed += this.#plainEnd - start;
    this.#input.start = this.#plainEnd;
    if (this.#valueLength === NO_LENGTH) return { name: 'get', key };
    return { name: 'set', key, value: bytes.subarray(this.#valueAt, this.#valueAt + this.#valueLength) };
  }

  /**
   * The keys of the GETs that {@link nextPlain} would return next, where they lie until the next push: up to the first other
   * command, and to `max` of them. They can be answered all at once; {@link takeGet} takes them.
   */
  upcomingGets(max: number): readonly ByteSpan[] {
    const keys: ByteSpan[] = [];
    if (this.#isWithinCommand) return keys;
    const { memory, start } = this.#input;
    for (let at = start; keys.length < max && this.#findPlain(at); at = this.#plainEnd) {
      if (this.#valueLength !== NO_LENGTH) break;
      keys.push({ memory, start: this.#keyAt, length: this.#keyLength });
    }
    return keys;
  }

  /** Takes the next of the upcoming GETs, which has this key. */
  takeGet({ start, length }: ByteSpan): void {
    const end = start + length + 2;
    this.#consumed += end - this.#input.start;
    this.#input.start = end;
  }

  get #isDropping(): boolean {
    return this.#droppedBytes > 0 || this.#droppedArgs > 0;
  }

  /** Drops what has come of the rest of a refused command. */
  #drop(): RespProtocolError | undefined {
    while (this.#isDropping) {
      const byteCount = Math.min(this.#droppedBytes, this.#input.byteLength);
      this.#droppedBytes -= byteCount;
      this.#advance(byteCount);
      this.#endCommand();
      if (this.#droppedBytes > 0) return undefined;
      if (this.#droppedArgs === 0 || this.#readsLeft === 0) return undefined;
      this.#readsLeft -= 1;
      const length = this.#readArgLength();
      if (length === undefined || length instanceof RespProtocolError) return length;
      this.#droppedArgs -= 1;
      this.#droppedBytes = length + 2;
    }
    return undefined;
  }

  /** Refuses the command whose next argument has this length. */
  #refuse(what: string, argLength: number): RespRefusal {
    this.#droppedBytes = argLength + 2;
    this.#droppedArgs = this.#missing - 1;
    this.#missing = 0;
    this.#args = [];
    this.#droppedFrom = this.#consumed;
    this.#endCommand();
    return new RespRefusal(`ERR ${what}`);
  }

  get #isWithinCommand(): boolean {
    return this.#commandBytes > 0 || this.#isDropping;
  }

  /** Looks for a plain command at this place, and notes where its arguments are. */
  #findPlain(start: number): boolean {
    const { bytes } = this.#input;
    if (bytes[start] !== ARRAY) return false;
    const argCount = (bytes[start + 1] ?? 0) - ZERO;
    if (argCount !== 2 && argCount !== 3) return false;
    for (let at = 0; at < BEFORE_NAME.length; at += 1)
      if (bytes[start + 2 + at] !== BEFORE_NAME[at]) return false;
    if (!this.#hasName(start, argCount === 2 ? GET : SET)) return false;
    this.#plainEnd = start + NAME_AT + NAME_BYTES + 2;
    this.#keyLength = this.#plainLength(MAX_KEY_BYTES);
    if (this.#keyLength === NO_LENGTH) return false;
    this.#keyAt = this.#plainEnd;
    this.#plainEnd += this.#keyLength + 2;
    this.#valueLength = NO_LENGTH;
    if (argCount === 2) return true;
    this.#valueLength = this.#plainLength(this.#limits.maxValueBytes);
    if (this.#valueLength === NO_LENGTH) return false;
    this.#valueAt = this.#plainEnd;
    this.#plainEnd += this.#valueLength + 2;
    return true;
  }

  /** Whether the three letters are there, in upper or lower case. */
  #hasName(start: number, name: string): boolean {
    const { bytes } = this.#input;
    for (let i = 0; i < NAME_BYTES; i += 1)
      if (((bytes[start + NAME_AT + i] ?? 0) | LOWER_CASE) !== name.charCodeAt(i)) return false;
    return bytes[start + NAME_AT + NAME_BYTES] === CR && bytes[start + NAME_AT + NAME_BYTES + 1] === LF;
  }

  /**
   * The length that stands at `#plainEnd`, if it is `max` at most and as many bytes are there. Moves `#plainEnd` to where
   * those bytes start.
   */
  #plainLength(max: number): number {
    const { bytes, end } = this.#input;
    let at = this.#plainEnd;
    if (at >= end || bytes[at] !== BULK) return NO_LENGTH;
    let length = 0;
    const digitsAt = at + 1;
    for (at = digitsAt; at < end; at += 1) {
      const digit = (bytes[at] ?? 0) - ZERO;
      if (digit < 0 || digit > 9) break;
      length = length * 10 + digit;
      if (length > max || at - digitsAt >= MAX_LENGTH_LINE_BYTES - 1) return NO_LENGTH;
    }
    const bytesAt = at + 2;
    if (at === digitsAt || bytesAt + length + 2 > end || bytes[at] !== CR || bytes[at + 1] !== LF)
      return NO_LENGTH;
    if (bytes[digitsAt] === ZERO && at - digitsAt > 1) return NO_LENGTH;
    this.#plainEnd = bytesAt;
    return length;
  }

  #endCommand(): void {
    this.#consumed += this.#commandBytes;
    this.#commandBytes = 0;
  }

  /** Reads `*<count>`, if all of it is there. */
  #readCount(): RespProtocolError | undefined {
    if (this.#input.byteLength === 0) return undefined;
    const count = this.#readLength();
    if (count === undefined) return undefined;
    if (count === 'not a number' || count > MAX_REDIS_ARGS)
      return new RespProtocolError('invalid multibulk length');
    this.#missing = Math.max(0, count);
    return undefined;
  }

  #readArgs(): RespRefusal | RespProtocolError | undefined {
    const input = this.#input;
    while (this.#missing > 0) {
      if (this.#readsLeft === 0) return undefined;
      if (this.#argLength === -1) {
        const length = this.#readArgLength();
        if (length === undefined || length instanceof RespProtocolError) return length;
        const { maxValueBytes, maxCommandBytes } = this.#limits;
        if (length > maxValueBytes) return this.#refuse(`a value of over ${maxValueBytes} bytes`, length);
        if (this.#commandBytes + length > maxCommandBytes)
          return this.#refuse(`a command of over ${maxCommandBytes} bytes`, length);
        this.#argLength = length;
      }
      const argEnd = input.start + this.#argLength;
      if (argEnd + 2 > input.end) return undefined;
      this.#args.push(input.bytes.toString('latin1', input.start, argEnd));
      this.#advance(this.#argLength + 2);
      this.#argLength = -1;
      this.#missing -= 1;
      this.#readsLeft -= 1;
    }
    return undefined;
  }

  /** Reads `$<length>`, if all of it is there. */
  #readArgLength(): number | RespProtocolError | undefined {
    const { bytes, start, byteLength } = this.#input;
    if (byteLength === 0) return undefined;
    if (bytes[start] !== BULK) return unexpected('$', bytes[start]);
    const length = this.#readLength();
    if (length === undefined) return undefined;
    if (length === 'not a number' || length < 0 || length > MAX_DROPPED_ARG_BYTES)
      return new RespProtocolError('invalid bulk length');
    return length;
  }

  /** Reads a type's byte, the number after it, and the line break. */
  #readLength(): Length {
    const { bytes, start, end } = this.#input;
    let at = start + 1;
    const isNegative = bytes[at] === MINUS;
    if (isNegative) at += 1;
    const digitsAt = at;
    let value = 0;
    for (; at < end; at += 1) {
      const digit = (bytes[at] ?? 0) - ZERO;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
      if (at - start >= MAX_LENGTH_LINE_BYTES) return 'not a number';
    }
    if (at >= end || (bytes[at] === CR && at + 1 >= end)) return undefined;
    if (at === digitsAt || bytes[at] !== CR || bytes[at + 1] !== LF) return 'not a number';
    // As Redis: no zeros before a number, and no -0.
    if (bytes[digitsAt] === ZERO && at - start > 2) return 'not a number';
    this.#advance(at + 2 - start);
    return isNegative ? -value : value;
  }

  #advance(byteCount: number): void {
    this.#input.start += byteCount;
    this.#commandBytes += byteCount;
  }
}

function unexpected(wanted: string, got: number | undefined): RespProtocolError {
  // Line breaks as Redis shows them, other control characters as nobody could take for a terminal's.
  const character = String.fromCharCode(got ?? 0)
    .replace(/[\r\n]/, ' ')
    .replace(/[^\x20-\x7e\xa0-\xff]/, '?');
  return new RespProtocolError(`expected '${wanted}', got '${character}'`);
}
