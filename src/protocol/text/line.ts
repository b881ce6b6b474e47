/**
 * One command line of the text protocol, taken apart into words.
 */

import { MAX_KEY_BYTES } from '../../limits.js';
import { DEFAULT_SESSION_TTL_S, MAX_SESSION_TTL_S, MIN_SESSION_TTL_S } from '../../session-limits.js';
import { isWithinSession, type OnceCommand } from '../command.js';
import type { TextRequest, WriteRequest } from '../request.js';
import { parsePrefix } from './watch-lines.js';

const SPACE = 0x20;
const DELETE = 0x7f;
const AT = 0x40; // '@'
const ZERO = 0x30;
const NINE = 0x39;

/** What stands before a command that is to be executed once: `once`, the session, the command's number and what is done. */
const ONCE_WORDS = 4;

/** The longest command, cas with noreply, has six words. One word more shows that there are too many. */
const MAX_WORDS = ONCE_WORDS + 7;

/** Far beyond any sensible deadline, and still exact when turned into ms and added to a time. */
const MAX_EXPTIME_S = 1e12;
const MAX_UINT64 = 2n ** 64n - 1n;
const UINT64_DIGITS = 20;

const EMPTY = Buffer.alloc(0);

/** The commands, the most frequent first. */
const COMMANDS = [
  'get',
  'set',
  'cas',
  'getm',
  'delete',
  'gets',
  'add',
  'once',
  'session',
  'watch',
  'unwatch',
  'auth',
] as const;
type Command = (typeof COMMANDS)[number];

/** In which session a command is executed once. */
type Once = Omit<OnceCommand, 'type' | 'command'>;

/** The version that a cas or delete names, or the revision, with an @ before it. */
interface Expected {
  readonly by: 'version' | 'revision';
  readonly expected: number;
}

/** A set, add or cas as its line has it. Its value follows. */
export interface ValueCommand {
  readonly type: 'set' | 'add' | 'cas';
  readonly key: string;
  readonly exptimeS: number;
  /** What a cas names; undefined for the others. */
  readonly condition: Expected | undefined;
  readonly noreply: boolean;
  readonly once: Once | undefined;
  readonly byteCount: number;
}

/** The request, now that its value is there. */
export function withValue(command: ValueCommand, value: Uint8Array): TextRequest {
  const { type, key, exptimeS, condition, noreply, once } = command;
  if (condition === undefined)
    return within(once, { type: type === 'add' ? 'add' : 'set', key, exptimeS, value, noreply });
  const { by, expected } = condition;
  return within(
    once,
    by === 'version'
      ? { type: 'cas', key, exptimeS, version: expected, value, noreply }
      : { type: 'cas-revision', key, exptimeS, revision: expected, value, noreply },
  );
}

function within(once: Once | undefined, command: WriteRequest): TextRequest {
  return once === undefined ? command : { type: 'once', ...once, command, slotKey: undefined };
}

export class TextLine {
  #buffer: Buffer = EMPTY;
  readonly #starts = new Uint32Array(MAX_WORDS);
  readonly #ends = new Uint32Array(MAX_WORDS);
  /** Words of the command, and of the line before it. */
  #wordCount = 0;
  #before = 0;
  /** The command; undefined if the first word is not a command. */
  #command: Command | undefined;
  /** In which session the command is executed once. Undefined although the line begins with `once`: the line is bad. */
  #once: Once | undefined;

  /** Takes the line in [start, end) of the buffer apart. The bytes must not change until the next call. */
  read(buffer: Buffer, start: number, end: number): void {
    this.#buffer = buffer;
    this.#wordCount = 0;
    this.#before = 0;
    this.#once = undefined;
    for (let at = start; at < end && this.#wordCount < MAX_WORDS; ) {
      while (at < end && buffer[at] === SPACE) at += 1;
      if (at === end) break;
      this.#starts[this.#wordCount] = at;
      while (at < end && buffer[at] !== SPACE) at += 1;
      this.#ends[this.#wordCount] = at;
      this.#wordCount += 1;
    }
    this.#command = this.#wordCount === 0 ? undefined : this.#findCommand();
    if (this.#command === 'once') this.#readOnce();
  }

  /** Lets go of the line's memory. Nothing more is read from it. */
  forget(): void {
    this.#buffer = EMPTY;
  }

  /** The length of the value that follows, even if the rest of the line is bad; undefined without a readable length. */
  get valueByteCount(): number | undefined {
    if (this.#command === 'set' || this.#command === 'add') return this.#number(3, Number.MAX_SAFE_INTEGER);
    return this.#command === 'cas' ? this.#number(4, Number.MAX_SAFE_INTEGER) : undefined;
  }

  /** The request, if it is a good one without a value. */
  request(): TextRequest | undefined {
    if (this.#command === 'auth')
      return this.#wordCount === 2 ? { type: 'auth', password: this.#text(1) } : undefined;
    if (this.isWatch) return this.#isOnce ? undefined : this.#watch();
    const key = this.#key();
    if (key === undefined) return undefined;
    switch (this.#command) {
      case 'get':
      case 'getm':
      case 'gets':
        return this.#wordCount === 2 && !this.#isOnce ? { type: this.#command, key } : undefined;
      case 'delete': {
        const noreply = this.#noreply(2);
        if (noreply === undefined) return this.#deleteIf(key);
        return within(this.#once, { type: 'delete', key, noreply });
      }
      case 'session':
        return this.#isOnce ? undefined : this.#session();
      default:
        return undefined;
    }
  }

  /** Whether it asks for silence, and would be a good command without the limits on sizes. */
  get isTooLargeInSilence(): boolean {
    if (this.#isOnce) return false;
    if (this.#key(Number.POSITIVE_INFINITY) === undefined) return false;
    switch (this.#command) {
      case 'set':
      case 'add':
        return this.#number(2, MAX_EXPTIME_S) !== undefined && this.#noreply(4) === true;
      case 'cas': {
        const areNumbers = this.#number(2, MAX_EXPTIME_S) !== undefined && this.#expected(3) !== undefined;
        return areNumbers && this.#noreply(5) === true;
      }
      case 'delete':
        return this.#noreply(2) === true || (this.#expected(2) !== undefined && this.#noreply(3) === true);
      default:
        return false;
    }
  }

  /** The set, add or cas of the line, with a value of `byteCount` bytes; undefined for a bad line, or another command. */
  valueCommand(byteCount: number): ValueCommand | undefined {
    const type = this.#command;
    if (type !== 'set' && type !== 'add' && type !== 'cas') return undefined;
    const key = this.#key();
    const exptimeS = this.#number(2, MAX_EXPTIME_S);
    const condition = type === 'cas' ? this.#expected(3) : undefined;
    const noreply = this.#noreply(type === 'cas' ? 5 : 4);
    if (key === undefined || exptimeS === undefined || noreply === undefined) return undefined;
    if (type === 'cas' && condition === undefined) return undefined;
    return { type, key, exptimeS, condition, noreply, once: this.#once, byteCount };
  }

  #deleteIf(key: string): TextRequest | undefined {
    const condition = this.#expected(2);
    const noreply = this.#noreply(3);
    if (condition === undefined || noreply === undefined) return undefined;
    return within(this.#once, { type: 'delete-if', key, ...condition, noreply });
  }

  /** Whether it is `watch` or `unwatch`, well-formed or not. */
  get isWatch(): boolean {
    return this.#command === 'watch' || this.#command === 'unwatch';
  }

  #watch(): TextRequest | undefined {
    if (this.#command === 'unwatch') return this.#wordCount === 1 ? { type: 'unwatch' } : undefined;
    if (this.#wordCount < 2 || this.#wordCount > 3) return undefined;
    const prefix = parsePrefix(this.#text(1));
    const revision = this.#wordCount === 2 ? undefined : this.#number(2, Number.POSITIVE_INFINITY);
    if (prefix === undefined || prefix.length > MAX_KEY_BYTES) return undefined;
    if (this.#wordCount === 3 && revision === undefined) return undefined;
    return { type: 'watch', prefix, revision, isResumed: false };
  }

  get #isOnce(): boolean {
    return this.#before > 0;
  }

  /** The line begins with `once`: what follows is the command. */
  #readOnce(): void {
    const seq = this.#number(2, Number.MAX_SAFE_INTEGER);
    const done = this.#number(3, Number.MAX_SAFE_INTEGER);
    if (seq !== undefined && done !== undefined && isWithinSession(seq, done))
      this.#once = { id: this.#text(1), seq, done };
    this.#before = ONCE_WORDS;
    this.#wordCount = Math.max(0, this.#wordCount - ONCE_WORDS);
    this.#command = this.#wordCount === 0 ? undefined : this.#findCommand();
  }

  #session(): TextRequest | undefined {
    const what = this.#text(1);
    if (what === 'close' && this.#wordCount === 3) return { type: 'session-close', id: this.#text(2) };
    if (what !== 'open' || this.#wordCount > 3) return undefined;
    const ttlS = this.#wordCount === 2 ? DEFAULT_SESSION_TTL_S : this.#number(2, MAX_SESSION_TTL_S);
    return ttlS === undefined || ttlS < MIN_SESSION_TTL_S ? undefined : { type: 'session-open', ttlS };
  }

  /** Compares bytes: a string of the word would take longer than all the rest of the line. */
  #findCommand(): Command | undefined {
    const start = this.#starts[this.#before] ?? 0;
    const length = (this.#ends[this.#before] ?? 0) - start;
    for (const command of COMMANDS)
      if (command.length === length && this.#stands(command, start)) return command;
    return undefined;
  }

  #stands(word: string, start: number): boolean {
    for (let i = 0; i < word.length; i += 1) if (this.#buffer[start + i] !== word.charCodeAt(i)) return false;
    return true;
  }

  #key(maxBytes = MAX_KEY_BYTES): string | undefined {
    if (this.#wordCount < 2) return undefined;
    const [start, end] = this.#bounds(1);
    if (end - start > maxBytes) return undefined;
    for (let at = start; at < end; at += 1) {
      const byte = this.#buffer[at] ?? 0;
      if (byte < SPACE || byte === DELETE) return undefined;
    }
    return this.#text(1);
  }

  /**
   * Whether the word at this place is `noreply`; undefined if it is another word, or not the last. What is executed once is
   * not silent, and so its line is bad.
   */
  #noreply(place: number): boolean | undefined {
    if (this.#isOnce && (this.#once === undefined || this.#wordCount !== place)) return undefined;
    if (this.#wordCount === place) return false;
    return this.#wordCount === place + 1 && this.#text(place) === 'noreply' ? true : undefined;
  }

  #number(place: number, max: number, skipped = 0): number | undefined {
    if (place >= this.#wordCount) return undefined;
    const [start, end] = this.#bounds(place);
    if (start + skipped === end) return undefined;
    let value = 0;
    for (let at = start + skipped; at < end; at += 1) {
      const byte = this.#buffer[at] ?? 0;
      if (byte < ZERO || byte > NINE) return undefined;
      value = value * 10 + (byte - ZERO);
      if (value > max) return undefined;
    }
    return value;
  }

  /** A 64-bit version or revision. A number over 2^53 comes out inexact, but larger than any that a key can have. */
  #expected(place: number): Expected | undefined {
    if (place >= this.#wordCount) return undefined;
    const by = this.#buffer[this.#bounds(place)[0]] === AT ? 'revision' : 'version';
    const skipped = by === 'revision' ? 1 : 0;
    const expected = this.#number(place, Number.POSITIVE_INFINITY, skipped);
    if (expected === undefined) return undefined;
    const digits = this.#text(place).slice(skipped).replace(/^0+/, '');
    return digits.length < UINT64_DIGITS || BigInt(digits) <= MAX_UINT64 ? { by, expected } : undefined;
  }

  #text(place: number): string {
    const [start, end] = this.#bounds(place);
    return this.#buffer.toString('latin1', start, end);
  }

  #bounds(place: number): readonly [start: number, end: number] {
    return [this.#starts[this.#before + place] ?? 0, this.#ends[this.#before + place] ?? 0];
  }
}
