/**
 * A client's stream of the text protocol at a server that has a password: until the client has told it, every command is
 * answered `ERR_AUTH`.
 */

import { MAX_LOCKED_COMMAND_BYTES } from '../../access-limits.js';
import type { ByteSpan } from '../../bytes/byte-reader.js';
import type { StreamLimits } from '../../limits.js';
import { AT_COMMAND_START, type TextCheckpoint } from '../checkpoint.js';
import type { TextRequest } from '../request.js';
import { TextParser } from './text-parser.js';

const LOCKED: TextRequest = { type: 'locked' };

/** What nearly all checkpoints are, made once. */
const AT_START = {
  locked: { place: 'locked', at: AT_COMMAND_START },
  unlocked: { place: 'unlocked', at: AT_COMMAND_START },
} as const;

export class GuardedText {
  /** Never: a request has few words. */
  readonly isUnfinished = false;
  readonly #parser: TextParser;
  #access: 'locked' | 'unlocked';
  /** `auth` was taken: what follows waits for its answer. */
  #isHeld = false;
  /** A client that has not told the password has sent too long a command. */
  #isTooLong = false;
  #pushed = 0;

  constructor(
    { place, at }: Extract<TextCheckpoint, { place: 'locked' | 'unlocked' }>,
    limits?: StreamLimits,
  ) {
    this.#access = place;
    this.#parser = new TextParser(at, limits);
  }

  get consumed(): number {
    return this.#parser.consumed;
  }

  get halfStart(): number | undefined {
    return this.#parser.halfStart;
  }

  get isClosing(): boolean {
    return this.#isTooLong || this.#parser.isClosing;
  }

  /** Whether the password is due. */
  get isLocked(): boolean {
    return this.#access === 'locked';
  }

  checkpoint(): TextCheckpoint {
    const at = this.#parser.checkpoint();
    return at === AT_COMMAND_START ? AT_START[this.#access] : { place: this.#access, at };
  }

  push(bytes: ByteSpan): void {
    this.#pushed += bytes.length;
    this.#parser.push(bytes);
  }

  wait(): void {
    this.#parser.wait();
  }

  /** The next request; undefined until more bytes come, or `auth` is answered. */
  next(): TextRequest | undefined {
    if (this.#isHeld || this.isClosing) return undefined;
    const request = this.#parser.next();
    if (request?.type === 'auth') this.#isHeld = true;
    if (!this.isLocked || request?.type === 'auth') return request;
    if (request?.type === 'watch') this.#parser.endWatch();
    this.#isTooLong = this.#lengthSoFar(request) > MAX_LOCKED_COMMAND_BYTES;
    return request === undefined ? undefined : LOCKED;
  }

  /** Length of the command that was returned, or that is coming in, with as much of its rest as is known. */
  #lengthSoFar(request: TextRequest | undefined): number {
    const at = this.#parser.checkpoint();
    const skipped = at.place === 'bad value' ? at.byteCount : 0;
    const end = request === undefined ? this.#pushed : this.#parser.consumed;
    return end + skipped - this.#parser.commandStart;
  }

  /** As {@link TextParser.endWatch}. */
  endWatch(): void {
    this.#parser.endWatch();
  }

  /** `auth` is answered: the stream goes on. A wrong password changes nothing else. */
  authenticated(isRight: boolean): void {
    this.#isHeld = false;
    if (isRight) this.#access = 'unlocked';
  }
}

/** The stream that goes on at this place. */
export function textStream(at: TextCheckpoint, limits?: StreamLimits): TextParser | GuardedText {
  return at.place === 'locked' || at.place === 'unlocked'
    ? new GuardedText(at, limits)
    : new TextParser(at, limits);
}
