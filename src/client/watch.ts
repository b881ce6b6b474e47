/**
 * A watch of the keys with a prefix, on a connection of its own: goes on at another server where one fails, at the next revision,
 * so that each change comes once and in order.
 */

import type { Timer } from '../environment.js';
import { type Change, changeIn, numberIn, prefixWord, type TextEncoding } from './changes.js';
import { AbortedError, ArgumentError, AuthError, ClosedError, RefusedError } from './client-errors.js';
import {
  CONNECT_TIMEOUT_MS,
  MAX_CHANGE_LINE_BYTES,
  MAX_RECONNECT_PAUSE_MS,
  MAX_WATCHED_CHANGES,
  MIN_RECONNECT_PAUSE_MS,
  WATCH_SILENCE_MS,
} from './client-limits.js';
import { Fifo } from './fifo.js';
import { pauseAfter } from './pauses.js';
import { type Reply, ReplyReader } from './reply-reader.js';
import type { Address, ClientWorld, Link } from './world.js';

export interface WatchOptions {
  /** The first revision to be told: 0 for all keys as they are, then their changes; what happens from now on unless given. */
  readonly from?: number | undefined;
  /** Ends the watch with an AbortedError. */
  readonly signal?: AbortSignal | undefined;
}

export interface WatchEnvironment {
  readonly addresses: readonly Address[];
  readonly password: string | undefined;
  readonly world: ClientWorld;
  readonly onEnd: (watch: Watch) => void;
  /** What keys and values are read as: 'latin1' for one character per byte. */
  readonly encoding?: TextEncoding;
}

interface Waiting {
  readonly resolve: (result: IteratorResult<Change, undefined>) => void;
  readonly reject: (error: Error) => void;
}

export class Watch implements AsyncIterableIterator<Change, undefined> {
  readonly #environment: WatchEnvironment;
  readonly #prefix: string;
  readonly #signal: AbortSignal | undefined;
  /** Where it goes on after a break; undefined before it is known where it begins. */
  #from: number | undefined;
  /** All keys are being told: there is no going on in the midst of that. */
  #isTellingAll = false;
  /** How many servers in a row do not keep what comes next. */
  #compactions = 0;
  readonly #changes = new Fifo<Change>();
  #waiting: Waiting[] = [];
  #link: Link | undefined;
  #replies = new ReplyReader(MAX_CHANGE_LINE_BYTES);
  #timer: Timer | undefined;
  #failures = 0;
  #next: number;
  #isPaused = false;
  #state: 'new' | 'open' | 'ended' = 'new';
  #error: Error | undefined;

  /**
   * Throws ArgumentError.
   * @internal
   */
  constructor(prefix: string, { from, signal }: WatchOptions, environment: WatchEnvironment) {
    if (from !== undefined && !(Number.isSafeInteger(from) && from >= 0))
      throw new ArgumentError(`from: ${from} is no revision`);
    this.#prefix = prefixWord(prefix);
    this.#from = from;
    this.#environment = environment;
    this.#signal = signal;
    this.#next = Math.floor(environment.world.environment.random() * environment.addresses.length);
    if (signal?.aborted) this.#onAbort();
    else signal?.addEventListener('abort', this.#onAbort);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The next change. The first call connects. */
  async next(): Promise<IteratorResult<Change, undefined>> {
    const change = this.#changes.shift();
    if (change !== undefined) {
      if (this.#isPaused && this.#changes.length <= MAX_WATCHED_CHANGES / 2) this.#readOn();
      return { done: false, value: change };
    }
    if (this.#error !== undefined) {
      const error = this.#error;
      this.#error = undefined;
      throw error;
    }
    if (this.#state === 'ended') return { done: true, value: undefined };
    if (this.#state === 'new') {
      this.#state = 'open';
      this.#connect();
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
    });
  }

  /** Ends it, as `break` in a loop does: nothing more is told. */
  async return(): Promise<IteratorResult<Change, undefined>> {
    this.end(undefined);
    this.#changes.drain();
    this.#error = undefined;
    return { done: true, value: undefined };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  /** @internal */
  close(): void {
    this.end(new ClosedError());
  }

  /** @internal */
  end(error: Error | undefined): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#timer?.cancel();
    this.#link?.destroy();
    this.#environment.onEnd(this);
    const [first, ...others] = this.#waiting;
    this.#waiting = [];
    if (first === undefined) this.#error = error;
    else if (error !== undefined) first.reject(error);
    else first.resolve({ done: true, value: undefined });
    for (const { resolve } of others) resolve({ done: true, value: undefined });
  }

  readonly #onAbort = () => {
    this.#changes.drain();
    this.end(new AbortedError('watch', this.#signal?.reason));
  };

  #connect(): void {
    const { addresses, world, password } = this.#environment;
    const address = addresses[this.#next % addresses.length];
    if (address === undefined) return;
    this.#replies = new ReplyReader(MAX_CHANGE_LINE_BYTES);
    const isCurrent = () => this.#link === link && this.#state === 'open';
    const link = world.dial(address, {
      onOpen: () => {
        if (!isCurrent()) return;
        if (password !== undefined) link.write(Buffer.from(`auth ${password}\r\n`));
        this.#ask();
      },
      onData: (bytes) => {
        if (isCurrent()) this.#take(bytes);
      },
      onClosed: () => {
        if (isCurrent()) this.#lose();
      },
    });
    this.#link = link;
    this.#isPaused = false;
    this.#expect(CONNECT_TIMEOUT_MS);
  }

  #ask(): void {
    this.#isTellingAll = this.#from === 0;
    const from = this.#from === undefined ? '' : ` ${this.#from}`;
    this.#link?.write(Buffer.from(`watch ${this.#prefix}${from}\r\n`));
    this.#expect(WATCH_SILENCE_MS);
  }

  /** The connection is given up unless something comes in this time. */
  #expect(withinMs: number): void {
    this.#timer?.cancel();
    this.#timer = this.#environment.world.environment.startTimer(() => {
      // What waits unread is no silence.
      if (this.#isPaused) this.#expect(WATCH_SILENCE_MS);
      else this.#lose();
    }, withinMs);
  }

  #lose(): void {
    const { environment } = this.#environment.world;
    this.#link?.destroy();
    this.#link = undefined;
    this.#timer?.cancel();
    this.#next += 1;
    this.#failures += 1;
    const pauseMs = pauseAfter(this.#failures, MIN_RECONNECT_PAUSE_MS, MAX_RECONNECT_PAUSE_MS, environment);
    this.#timer = environment.startTimer(() => this.#connect(), pauseMs);
  }

  #take(bytes: Uint8Array): void {
    this.#expect(WATCH_SILENCE_MS);
    this.#replies.push(bytes);
    try {
      for (let reply = this.#replies.next(); reply !== undefined; reply = this.#replies.next()) {
        this.#onLine(reply);
        if (this.#state === 'ended' || this.#link === undefined) return;
      }
    } catch {
      this.#lose();
      return;
    }
    if (this.#isPaused || this.#changes.length < MAX_WATCHED_CHANGES) return;
    this.#isPaused = true;
    this.#link?.pause();
  }

  #onLine(reply: Reply): void {
    const { line } = reply;
    const change = changeIn(reply, this.#environment.encoding);
    if (change !== undefined) {
      this.#failures = 0;
      this.#hasToldSome ||= this.#isTellingAll;
      if (!this.#isTellingAll) this.#from = change.revision + 1;
      this.#tell(change);
    } else if (line.startsWith('AT ')) this.#onProgress(numberIn(line));
    else if (line.startsWith('WATCHING ')) {
      this.#failures = 0;
      this.#compactions = 0;
      this.#from ??= numberIn(line) + 1;
      if (this.#isTellingAll && this.#hasToldSome) this.#reset();
    } else if (line.startsWith('ERR_COMPACTED')) this.#onCompacted();
    else if (line === 'ERR_AUTH') this.end(new AuthError(this.#environment.password !== undefined));
    else if (line === 'ERR_CMD_ERR') this.end(new RefusedError('watch', 'it does not know the command'));
    else if (line !== 'OK') this.#lose();
  }

  /**
   * This server does not keep what comes next. Only once as many servers as there are say so, all keys are told anew. A server
   * that does not even do that, again and again, is no better than a lost one.
   */
  #onCompacted(): void {
    this.#compactions += 1;
    const { length } = this.#environment.addresses;
    if (this.#from === 0 ? this.#compactions > 1 : this.#compactions < length) {
      this.#lose();
      return;
    }
    if (this.#from !== 0) this.#compactions = 0;
    this.#reset();
    this.#from = 0;
    this.#ask();
  }

  /** All keys are told anew, some of which were told before. */
  #hasToldSome = false;

  #reset(): void {
    this.#hasToldSome = false;
    this.#tell({ type: 'reset' });
  }

  #onProgress(revision: number): void {
    this.#from = revision + 1;
    if (!this.#isTellingAll) return;
    this.#isTellingAll = false;
    this.#hasToldSome = false;
    this.#tell({ type: 'synced', revision });
  }

  #tell(change: Change): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#changes.push(change);
    else waiting.resolve({ done: false, value: change });
  }

  #readOn(): void {
    this.#isPaused = false;
    this.#expect(WATCH_SILENCE_MS);
    this.#link?.resume();
  }
}
