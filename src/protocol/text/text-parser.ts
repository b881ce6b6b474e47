/**
 * The text protocol's parser: a client's bytes, cut anywhere, to requests.
 *
 * Where the protocol leaves a choice: spaces before the command and after the last word are ignored; numbers are
 * decimal digits, leading zeros allowed; an empty line is an unknown command. The value of a bad command is skipped
 * together with the rest of its line: there is one error for a command, not two.
 */

import type { ByteSpan } from '../../bytes/byte-reader.js';
import { MAX_LINE_BYTES, streamLimits } from '../../limits.js';
import { MAX_WATCH_LINE_BYTES } from '../../watch-limits.js';
import { AT_COMMAND_START, type TextPlace, type WatchPlace } from '../checkpoint.js';
import { beginsHttp, isHttpLine } from '../http-line.js';
import { InputBuffer } from '../input-buffer.js';
import type { TextRequest } from '../request.js';
import { TextLine, type ValueCommand, withValue } from './line.js';

const CR = 0x0d;
const LF = 0x0a;

/**
 * A line over {@link MAX_LINE_BYTES} is an error, but one up to this long, a CR at its end included, is still read to
 * learn whether a value follows. A longer one is skipped, whether it came in whole or in pieces.
 */
const MAX_BUFFERED_LINE_BYTES = 4 * MAX_LINE_BYTES;

const MALFORMED: TextRequest = { type: 'malformed', noreply: false };
const TOO_LARGE_IN_SILENCE: TextRequest = { type: 'malformed', noreply: true };

export class TextParser {
  /** A line of HTTP has come: the connection closes once everything before it is answered, and nothing more is taken. */
  isClosing = false;
  /** Never: a request has few words. */
  readonly isUnfinished = false;
  readonly #line = new TextLine();
  readonly #input = new InputBuffer();
  /** Bytes of the current line that hold no line break. */
  #scanned = 0;
  #skipBytes = 0;
  #skipsLine = false;
  /** A command whose value has not come in whole. */
  #awaited: ValueCommand | undefined;
  #consumed = 0;
  #commandStart = 0;
  #hasBegunToWatch = false;
  /** Bytes read of a request that is not complete: its line, while its value is awaited. */
  #readAhead = 0;

  /** A `watch` was returned, and no `unwatch` yet: anything else is a bad command. */
  #isWatching: boolean;
  /** The watch that the stream began with. */
  #watch: WatchPlace | undefined;
  readonly #maxValueBytes: number;

  /** @param at where in its stream the first byte to be pushed is */
  constructor(at: TextPlace = AT_COMMAND_START, { maxValueBytes } = streamLimits()) {
    this.#maxValueBytes = maxValueBytes;
    this.#watch = at.watch;
    this.#isWatching = at.watch !== undefined;
    this.#skipBytes = at.place === 'bad value' ? at.byteCount : 0;
    this.#skipsLine = at.place !== 'command';
  }

  /** How many bytes of the stream the requests returned so far took, skipped bytes included. */
  get consumed(): number {
    return this.#consumed;
  }

  /** Whether bytes came in that do not belong to a returned request. */
  get hasBuffered(): boolean {
    return this.#input.start < this.#input.end || this.#awaited !== undefined;
  }

  /** Where in the stream the command began that has not come in whole, be it bad already; undefined if there is none. */
  get halfStart(): number | undefined {
    const isHalf = this.hasBuffered || this.#skipsLine || this.#skipBytes > 0;
    return isHalf ? this.#commandStart : undefined;
  }

  /**
   * Where in the stream the command began that the last call of {@link next} returned or has yet to return, or whose rest it
   * skipped.
   */
  get commandStart(): number {
    return this.#commandStart;
  }

  /** Where the stream stands after {@link consumed} bytes. */
  checkpoint(): TextPlace {
    const at = this.#place;
    return this.#watch === undefined ? at : { ...at, watch: this.#watch };
  }

  get #place(): TextPlace {
    if (this.#skipBytes > 0) return { place: 'bad value', byteCount: this.#skipBytes };
    return this.#skipsLine ? { place: 'bad line' } : AT_COMMAND_START;
  }

  /** The watch has ended, or has not begun: commands are taken again. */
  endWatch(): void {
    this.#isWatching = false;
    this.#watch = undefined;
  }

  /** The next bytes of the stream. They must not change until the requests in them were taken. */
  push(bytes: ByteSpan): void {
    this.#input.push(bytes);
  }

  /** Nothing will be taken for a while: keeps little more memory than what waits is long. */
  wait(): void {
    this.#input.wait();
  }

  /**
   * The next request; undefined until more bytes come. Its value is a view of what was pushed, good until the next push.
   */
  next(): TextRequest | undefined {
    const request = this.#next();
    if (request !== undefined) return this.#isWatching ? this.#whileWatching(request) : request;
    this.#input.settle();
    this.#line.forget();
    return undefined;
  }

  #whileWatching(request: TextRequest): TextRequest {
    if (request.type === 'watch' && this.#hasBegunToWatch) {
      this.#hasBegunToWatch = false;
      return request;
    }
    if (request.type !== 'unwatch') return MALFORMED;
    this.endWatch();
    return request;
  }

  #next(): TextRequest | undefined {
    if (this.isClosing || !this.#skip()) return undefined;
    this.#commandStart = this.#consumed;
    if (this.#awaited !== undefined) return this.#takeValue(this.#awaited);
    const lineBreak = this.#findLineBreak();
    if (lineBreak === -1) return this.#awaitLine();
    const start = this.#input.start;
    const end = lineBreak > start && this.#input.bytes[lineBreak - 1] === CR ? lineBreak - 1 : lineBreak;
    if (isHttpLine(this.#input.bytes, start, end)) {
      this.isClosing = true;
      return undefined;
    }
    this.#input.start = lineBreak + 1;
    this.#readAhead = this.#input.start - start;
    this.#scanned = 0;
    return lineBreak - start > MAX_BUFFERED_LINE_BYTES
      ? this.#complete(MALFORMED)
      : this.#readLine(start, end);
  }

  /** A loop, for lines are short: the view that `indexOf` would need takes longer than most of them. */
  #findLineBreak(): number {
    const { bytes, start, end } = this.#input;
    for (let at = start + this.#scanned; at < end; at += 1) if (bytes[at] === LF) return at;
    return -1;
  }

  /** Skips the rest of a bad command. Returns whether all of it is skipped, so that a request may start now. */
  #skip(): boolean {
    if (this.#skipBytes > 0) {
      const byteCount = Math.min(this.#skipBytes, this.#input.end - this.#input.start);
      this.#skipBytes -= byteCount;
      this.#discard(byteCount);
      if (this.#skipBytes > 0) return false;
    }
    if (!this.#skipsLine) return true;
    const lineBreak = this.#input.bytes.subarray(0, this.#input.end).indexOf(LF, this.#input.start);
    this.#skipsLine = lineBreak === -1;
    this.#discard((lineBreak === -1 ? this.#input.end : lineBreak + 1) - this.#input.start);
    return !this.#skipsLine;
  }

  #discard(byteCount: number): void {
    this.#input.start += byteCount;
    this.#consumed += byteCount;
  }

  /** There is no whole line yet. A line that is already too long is an error now, and its rest is skipped. */
  #awaitLine(): TextRequest | undefined {
    this.#scanned = this.#input.end - this.#input.start;
    if (this.#scanned <= MAX_BUFFERED_LINE_BYTES) return undefined;
    this.isClosing = beginsHttp(this.#input.bytes, this.#input.start);
    if (this.isClosing) return undefined;
    this.#discard(this.#scanned);
    this.#scanned = 0;
    this.#skipsLine = true;
    return MALFORMED;
  }

  #readLine(start: number, end: number): TextRequest | undefined {
    const line = this.#line;
    line.read(this.#input.bytes, start, end);
    const byteCount = line.valueByteCount;
    const isTooLong = end - start > (line.isWatch ? MAX_WATCH_LINE_BYTES : MAX_LINE_BYTES);
    if (byteCount === undefined) {
      const request = (isTooLong ? undefined : line.request()) ?? this.#malformed();
      if (request.type === 'watch' && !this.#isWatching) {
        this.#isWatching = true;
        this.#hasBegunToWatch = true;
      }
      return this.#complete(request);
    }
    const command = isTooLong || byteCount > this.#maxValueBytes ? undefined : line.valueCommand(byteCount);
    if (command === undefined) {
      this.#skipBytes = byteCount;
      this.#skipsLine = true;
      return this.#complete(this.#malformed());
    }
    return this.#takeValue(command);
  }

  #malformed(): TextRequest {
    return this.#line.isTooLargeInSilence ? TOO_LARGE_IN_SILENCE : MALFORMED;
  }

  #takeValue(command: ValueCommand): TextRequest | undefined {
    const valueEnd = this.#input.start + command.byteCount;
    const breakEnd = this.#lineBreakEnd(valueEnd);
    this.#awaited = breakEnd === undefined ? command : undefined;
    if (breakEnd === undefined) return undefined;
    const value = this.#input.bytes.subarray(this.#input.start, valueEnd);
    this.#readAhead += (breakEnd === -1 ? valueEnd : breakEnd) - this.#input.start;
    this.#input.start = breakEnd === -1 ? valueEnd : breakEnd;
    if (breakEnd !== -1) return this.#complete(withValue(command, value));
    this.#skipsLine = true;
    return this.#complete(MALFORMED);
  }

  /** Where the line break at `offset` ends; -1 when there is none, undefined when that cannot be told yet. */
  #lineBreakEnd(offset: number): number | undefined {
    if (offset >= this.#input.end) return undefined;
    if (this.#input.bytes[offset] === LF) return offset + 1;
    if (this.#input.bytes[offset] !== CR) return -1;
    if (offset + 1 >= this.#input.end) return undefined;
    return this.#input.bytes[offset + 1] === LF ? offset + 2 : -1;
  }

  #complete(request: TextRequest): TextRequest {
    this.#consumed += this.#readAhead;
    this.#readAhead = 0;
    return request;
  }
}
