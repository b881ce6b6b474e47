/**
 * One command line of the text protocol, taken apart into words.
 */

import { MAX_KEY_BYTES } from '../../limits.js';
import type { TextRequest } from '../request.js';

const SPACE = 0x20;
const DELETE = 0x7f;
const ZERO = 0x30;
const NINE = 0x39;

/** The longest command, cas with noreply, has six words. A seventh shows that there are too many. */
const MAX_WORDS = 7;

/** Far beyond any sensible deadline, and still exact when turned into ms and added to a time. */
const MAX_EXPTIME_S = 1e12;
const MAX_UINT64 = 2n ** 64n - 1n;
const UINT64_DIGITS = 20;

const EMPTY = Buffer.alloc(0);

/** The commands, the most frequent first. */
const COMMANDS = ['get', 'set', 'cas', 'getm', 'delete'] as const;
type Command = (typeof COMMANDS)[number];

/** A set or cas as its line has it. Its value follows. */
export interface ValueCommand {
  readonly key: string;
  readonly exptimeS: number;
  /** The version that a cas names; undefined for a set. */
  readonly version: number | undefined;
  readonly noreply: boolean;
  readonly byteCount: number;
}

/** The request, now that its value is there. */
export function withValue(command: ValueCommand, value: Uint8Array): TextRequest {
  const { key, exptimeS, version, noreply } = command;
  if (version === undefined) return { type: 'set', key, exptimeS, value, noreply };
  return { type: 'cas', key, exptimeS, version, value, noreply };
}

export class TextLine {
  #buffer: Buffer = EMPTY;
  readonly #starts = new Uint32Array(MAX_WORDS);
  readonly #ends = new Uint32Array(MAX_WORDS);
  #wordCount = 0;
  /** The command; undefined if the first word is not a command. */
  #command: Command | undefined;

  /** Takes the line in [start, end) of the buffer apart. The bytes must not change until the next call. */
  read(buffer: Buffer, start: number, end: number): void {
    this.#buffer = buffer;
    this.#wordCount = 0;
    for (let at = start; at < end && this.#wordCount < MAX_WORDS; ) {
      while (at < end && buffer[at] === SPACE) at += 1;
      if (at === end) break;
      this.#starts[this.#wordCount] = at;
      while (at < end && buffer[at] !== SPACE) at += 1;
      this.#ends[this.#wordCount] = at;
      this.#wordCount += 1;
    }
    this.#command = this.#wordCount === 0 ? undefined : this.#findCommand();
  }

  /** Lets go of the line's memory. Nothing more is read from it. */
  forget(): void {
    this.#buffer = EMPTY;
  }

  /** The length of the value that follows, even if the rest of the line is bad; undefined without a readable length. */
  get valueByteCount(): number | undefined {
    if (this.#command === 'set') return this.#number(3, Number.MAX_SAFE_INTEGER);
    return this.#command === 'cas' ? this.#number(4, Number.MAX_SAFE_INTEGER) : undefined;
  }

  /** The request, if it is a good one without a value. */
  request(): TextRequest | undefined {
    const key = this.#key();
    if (key === undefined) return undefined;
    switch (this.#command) {
      case 'get':
      case 'getm':
        return this.#wordCount === 2 ? { type: this.#command, key } : undefined;
      case 'delete': {
        const noreply = this.#noreply(2);
        return noreply === undefined ? undefined : { type: 'delete', key, noreply };
      }
      default:
        return undefined;
    }
  }

  /** Whether it asks for silence, and would be a good command without the limits on sizes. */
  get isTooLargeInSilence(): boolean {
    if (this.#key(Number.POSITIVE_INFINITY) === undefined) return false;
    switch (this.#command) {
      case 'set':
        return this.#number(2, MAX_EXPTIME_S) !== undefined && this.#noreply(4) === true;
      case 'cas': {
        const areNumbers = this.#number(2, MAX_EXPTIME_S) !== undefined && this.#version(3) !== undefined;
        return areNumbers && this.#noreply(5) === true;
      }
      case 'delete':
        return this.#noreply(2) === true;
      default:
        return false;
    }
  }

  /** The set or cas of the line, with a value of `byteCount` bytes; undefined for a bad line, or another command. */
  valueCommand(byteCount: number): ValueCommand | undefined {
    const isSet = this.#command === 'set';
    const key = this.#key();
    const exptimeS = this.#number(2, MAX_EXPTIME_S);
    const version = isSet ? undefined : this.#version(3);
    const noreply = this.#noreply(isSet ? 4 : 5);
    if (key === undefined || exptimeS === undefined || noreply === undefined) return undefined;
    return isSet || version !== undefined ? { key, exptimeS, version, noreply, byteCount } : undefined;
  }

  /** Compares bytes: a string of the word would take longer than all the rest of the line. */
  #findCommand(): Command | undefined {
    const start = this.#starts[0] ?? 0;
    const length = (this.#ends[0] ?? 0) - start;
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

  /** Whether the word at this place is `noreply`; undefined if it is another word, or not the last. */
  #noreply(place: number): boolean | undefined {
    if (this.#wordCount === place) return false;
    return this.#wordCount === place + 1 && this.#text(place) === 'noreply' ? true : undefined;
  }

  #number(place: number, max: number): number | undefined {
    if (place >= this.#wordCount) return undefined;
    const [start, end] = this.#bounds(place);
    let value = 0;
    for (let at = start; at < end; at += 1) {
      const byte = this.#buffer[at] ?? 0;
      if (byte < ZERO || byte > NINE) return undefined;
      value = value * 10 + (byte - ZERO);
      if (value > max) return undefined;
    }
    return value;
  }

  /** A 64-bit version. A number over 2^53 comes out inexact, but larger than any version that a key can have. */
  #version(place: number): number | undefined {
    const version = this.#number(place, Number.POSITIVE_INFINITY);
    if (version === undefined) return undefined;
    const digits = this.#text(place).replace(/^0+/, '');
    return digits.length < UINT64_DIGITS || BigInt(digits) <= MAX_UINT64 ? version : undefined;
  }

  #text(place: number): string {
    const [start, end] = this.#bounds(place);
    return this.#buffer.toString('latin1', start, end);
  }

  #bounds(place: number): readonly [start: number, end: number] {
    return [this.#starts[place] ?? 0, this.#ends[place] ?? 0];
  }
}
