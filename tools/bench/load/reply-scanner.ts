/**
 * Counts and checks replies as their bytes come in, cut anywhere.
 *
 * It parses the reply grammar as it is (such as `OK <version>`, `VALUE <numbytes>` and the value, `ERR_...`) and compares
 * every value with what was stored, yet builds no string and no object on the way of a right reply: what it costs is
 * taken from what is being measured.
 */

/** The bytes are no reply of the protocol, or more than was asked for. Nothing after them can be made sense of. */
export class MalformedReplyError extends Error {
  readonly code = 'MALFORMED_REPLY';

  constructor(line: string) {
    super(`not a reply that was asked for: ${JSON.stringify(line)}`);
    this.name = 'MalformedReplyError';
  }
}

/** An error reply with the longest host name is well below it. */
const MAX_LINE_BYTES = 512;
const LINE_BREAK_BYTES = 2;
const LF = 0x0a;
const CR = 0x0d;
const DIGIT_0 = 0x30;
const NO_BYTES = Buffer.alloc(0);

/** What the lines of replies begin with. */
export interface ReplyGrammar {
  /** A write was done. */
  readonly stored: Buffer;
  /** Whether the rest of that line is the version. */
  readonly storedTellsVersion: boolean;
  /** Behind it comes the length, and then the value as a line. */
  readonly value: Buffer;
  /** There is no such key; undefined where an error says so. */
  readonly missing: Buffer | undefined;
  /** An error's name begins with it. */
  readonly error: Buffer;
}

/** What a scanner compares replies with: the requests that were sent, by position. */
export interface SentRequests {
  /** Whether the reply to this request is a value; otherwise it is a version. */
  expectsValue(position: number): boolean;
  /** Length of every value. */
  readonly valueBytes: number;
  /** Whether `bytes`, from `start` to `end`, are what the value of this request's key has from `offset` on. */
  matchesValue(position: number, offset: number, bytes: Buffer, start: number, end: number): boolean;
}

export interface Scanner {
  /** The replies to `count` requests from `position` on come next. Those before must be complete. */
  expect(position: number, count: number): void;
  /** Takes bytes and returns how many replies they completed. Keeps no view of them. Throws {@link MalformedReplyError}. */
  scan(bytes: Buffer): number;
}

export class ReplyScanner implements Scanner {
  readonly #requests: SentRequests;
  readonly #grammar: ReplyGrammar;
  readonly #onWrongReply: (what: string) => void;
  /** Position of the request whose reply comes next. */
  #position = 0;
  #expected = 0;
  /** The start of a line that is not complete yet. */
  #line = NO_BYTES;
  /** Length of the value being read, and how much of it and its line break was read; -1 outside a value. */
  #valueBytes = 0;
  #valueRead = -1;
  #isValueRight = true;

  constructor(requests: SentRequests, grammar: ReplyGrammar, onWrongReply: (what: string) => void) {
    this.#requests = requests;
    this.#grammar = grammar;
    this.#onWrongReply = onWrongReply;
  }

  expect(position: number, count: number): void {
    this.#position = position;
    this.#expected = count;
  }

  scan(bytes: Buffer): number {
    const expectedBefore = this.#expected;
    let at = 0;
    while (at < bytes.byteLength)
      at = this.#valueRead === -1 ? this.#scanLine(bytes, at) : this.#scanValue(bytes, at);
    return expectedBefore - this.#expected;
  }

  #scanLine(bytes: Buffer, start: number): number {
    const lineFeed = bytes.indexOf(LF, start);
    const end = lineFeed === -1 ? bytes.byteLength : lineFeed + 1;
    if (lineFeed !== -1 && this.#line.byteLength === 0) {
      this.#takeLine(bytes, start, end);
      return end;
    }
    this.#line = Buffer.concat([this.#line, bytes.subarray(start, end)]);
    if (this.#line.byteLength > MAX_LINE_BYTES) throw malformed(this.#line, 0, MAX_LINE_BYTES);
    if (lineFeed === -1) return end;
    const line = this.#line;
    this.#line = NO_BYTES;
    this.#takeLine(line, 0, line.byteLength);
    return end;
  }

  /** A whole line, its line break included. */
  #takeLine(bytes: Buffer, start: number, end: number): void {
    const textEnd = end - LINE_BREAK_BYTES;
    if (this.#expected === 0 || bytes[textEnd] !== CR) throw malformed(bytes, start, end);
    const { value, stored, missing, error } = this.#grammar;
    if (missing !== undefined && startsWith(bytes, start, missing)) {
      this.#onWrongReply('missing key');
      this.#completeReply();
      return;
    }
    if (startsWith(bytes, start, value)) {
      this.#valueBytes = readNumber(bytes, start + value.byteLength, textEnd);
      this.#valueRead = 0;
      this.#isValueRight =
        this.#requests.expectsValue(this.#position) && this.#valueBytes === this.#requests.valueBytes;
      return;
    }
    if (startsWith(bytes, start, stored)) {
      if (!this.#isStored(bytes, start + stored.byteLength, textEnd)) this.#onWrongReply('wrong OK');
    } else {
      if (!startsWith(bytes, start, error)) throw malformed(bytes, start, end);
      const [name = ''] = bytes.toString('latin1', start, textEnd).split(' ');
      this.#onWrongReply(name);
    }
    this.#completeReply();
  }

  /** Whether a write was to be done and, where the rest of the line is a version, that is one. */
  #isStored(bytes: Buffer, start: number, end: number): boolean {
    const isVersionRight = !this.#grammar.storedTellsVersion || readNumber(bytes, start, end) > 0;
    return isVersionRight && !this.#requests.expectsValue(this.#position);
  }

  #scanValue(bytes: Buffer, start: number): number {
    const left = this.#valueBytes + LINE_BREAK_BYTES - this.#valueRead;
    const end = Math.min(start + left, bytes.byteLength);
    const valueEnd = Math.min(start + Math.max(this.#valueBytes - this.#valueRead, 0), end);
    if (this.#isValueRight && valueEnd > start)
      this.#isValueRight = this.#requests.matchesValue(
        this.#position,
        this.#valueRead,
        bytes,
        start,
        valueEnd,
      );
    this.#valueRead += end - start;
    if (this.#valueRead < this.#valueBytes + LINE_BREAK_BYTES) return end;
    if (bytes[end - 1] !== LF) throw malformed(bytes, valueEnd, end);
    this.#valueRead = -1;
    if (!this.#isValueRight) this.#onWrongReply('wrong VALUE');
    this.#completeReply();
    return end;
  }

  #completeReply(): void {
    this.#position += 1;
    this.#expected -= 1;
  }
}

function startsWith(bytes: Buffer, start: number, prefix: Buffer): boolean {
  for (let i = 0; i < prefix.byteLength; i += 1) if (bytes[start + i] !== prefix[i]) return false;
  return true;
}

/** The decimal number that fills the range. */
function readNumber(bytes: Buffer, start: number, end: number): number {
  let number = 0;
  for (let i = start; i < end; i += 1) {
    const digit = (bytes[i] ?? 0) - DIGIT_0;
    if (digit < 0 || digit > 9) throw malformed(bytes, start, end);
    number = number * 10 + digit;
  }
  if (start === end) throw malformed(bytes, start, end);
  return number;
}

function malformed(bytes: Buffer, start: number, end: number): MalformedReplyError {
  return new MalformedReplyError(bytes.toString('latin1', start, end));
}
