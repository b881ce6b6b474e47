/**
 * Go-style channels between two threads, over a MessagePort.
 *
 * A port is two channels, one in each direction: each end has a {@link Sender} and a {@link Receiver}. postMessage has
 * no back-pressure of its own, so the receiver grants credits: as many as its capacity at first, and more as it
 * consumes. A sender without credit waits, or is told so. What sits in the port and in the receiver's buffer together
 * is therefore never more than the receiver's capacity.
 *
 * When the other thread ends, for whatever reason, its port closes, and this end learns of it within milliseconds:
 * what had arrived can still be received, then the channel has ended.
 */

import type { MessagePort } from 'node:worker_threads';
import { ChannelClosedError } from './errors.js';
import { type Frame, FrameKind, transferable } from './frame.js';
import { Signal } from './signal.js';

/** What a receive comes to: a value, or the end, which is final. */
export type Received<T> = { readonly ok: true; readonly value: T } | { readonly ok: false };

const END = { ok: false } as const;

export interface ChannelOptions {
  /** How many values may wait for this end's receiver, in the port or in its buffer. At least 1. */
  readonly capacity: number;
}

/** One end of the pair of channels that a port is. */
export class Channel<T> implements AsyncIterable<T> {
  readonly sender: Sender<T>;
  readonly receiver: Receiver<T>;
  /** Resolves once the port is closed, by this end or by the other. */
  readonly closed: Promise<void>;
  readonly #port: MessagePort;
  #isClosed = false;

  /** Prefer {@link openChannel}. */
  constructor(port: MessagePort, { capacity }: ChannelOptions) {
    if (!Number.isInteger(capacity) || capacity < 1)
      throw new RangeError(`capacity ${capacity}: at least 1 is needed`);
    this.#port = port;
    this.sender = new Sender(port);
    this.receiver = new Receiver(port, capacity);
    port.on('message', (frame: Frame<T>) => this.#take(frame));
    port.on('close', () => this.#end());
    this.closed = new Promise((resolve) => port.once('close', resolve));
    port.postMessage([FrameKind.credit, capacity]);
  }

  /** Whether the port is closed, by this end or by the other; what had arrived before can still be received. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Closes both directions. What was sent still arrives at the other end. */
  close(): void {
    this.#end();
    this.#port.close();
  }

  [Symbol.asyncIterator](): AsyncIterator<T> {
    return this.receiver[Symbol.asyncIterator]();
  }

  #take(frame: Frame<T>): void {
    switch (frame[0]) {
      case FrameKind.data:
        this.receiver.accept(frame[1]);
        return;
      case FrameKind.credit:
        this.sender.grant(frame[1]);
        return;
      case FrameKind.end:
        this.receiver.end();
        return;
    }
  }

  #end(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.receiver.end();
    this.sender.end();
  }
}

/**
 * Opens this thread's end of a port. The other thread opens the other end, with whatever capacity its own receiver
 * should have. An open channel keeps its thread alive until it is closed.
 */
export function openChannel<T>(port: MessagePort, options: ChannelOptions): Channel<T> {
  return new Channel(port, options);
}

/** The sending half: `ch <- value`. */
export class Sender<T> {
  readonly #port: MessagePort;
  readonly #signal = new Signal();
  /** Sends that wait for room, in their order. */
  readonly #queue: {
    readonly value: T;
    readonly resolve: () => void;
    readonly reject: (e: Error) => void;
  }[] = [];
  #credits = 0;
  #isEnded = false;

  constructor(port: MessagePort) {
    this.#port = port;
  }

  /** Sends the value once there is room. Rejects with {@link ChannelClosedError} when the channel is closed first. */
  send(value: T): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#queue.length === 0 && (this.#isEnded || this.#credits > 0)) {
        this.trySend(value);
        resolve();
        return;
      }
      this.#queue.push({ value, resolve, reject });
    });
  }

  /**
   * Sends the value if there is room, and says whether it did; the value remains the caller's if not. A Uint8Array
   * that owns its whole buffer is transferred, and empty afterwards; everything else is copied.
   * Throws {@link ChannelClosedError}.
   */
  trySend(value: T): boolean {
    if (this.#isEnded) throw new ChannelClosedError();
    if (this.#credits === 0) return false;
    this.#credits -= 1;
    this.#post(value);
    return true;
  }

  /** Whether {@link trySend} would succeed, or throw. */
  get isReady(): boolean {
    return this.#isEnded || this.#credits > 0;
  }

  /** Calls `watcher` whenever there may be room again, and when the channel is closed. */
  watch(watcher: () => void): void {
    this.#signal.watch(watcher);
  }

  /** Calls `waiter` once, as {@link watch} does. Returns how to take that back. */
  once(waiter: () => void): () => void {
    return this.#signal.once(waiter);
  }

  /** Ends this direction: the receiver gets what was sent, then the end. */
  close(): void {
    if (this.#isEnded) return;
    this.#port.postMessage([FrameKind.end]);
    this.end();
  }

  /** @internal The receiver has room for `credits` more. */
  grant(credits: number): void {
    this.#credits += credits;
    while (this.#credits > 0) {
      const waiting = this.#queue.shift();
      if (waiting === undefined) break;
      this.#credits -= 1;
      this.#post(waiting.value);
      waiting.resolve();
    }
    if (this.#credits > 0) this.#signal.notify();
  }

  /** @internal No more can be sent. */
  end(): void {
    this.#isEnded = true;
    for (const waiting of this.#queue.splice(0)) waiting.reject(new ChannelClosedError());
    this.#signal.notify();
  }

  #post(value: T): void {
    this.#port.postMessage([FrameKind.data, value], transferable(value));
  }
}

/** The receiving half: `value, ok := <-ch`. */
export class Receiver<T> implements AsyncIterable<T> {
  readonly #port: MessagePort;
  readonly #grantAt: number;
  readonly #signal = new Signal();
  readonly #buffer: Extract<Received<T>, { ok: true }>[] = [];
  /** Receives that wait for a value, in their order. There are none while the buffer holds something. */
  readonly #queue: ((received: Received<T>) => void)[] = [];
  #consumed = 0;
  #isEnded = false;

  constructor(port: MessagePort, capacity: number) {
    this.#port = port;
    this.#grantAt = Math.ceil(capacity / 2);
  }

  /** How many values have arrived and were not received. */
  get buffered(): number {
    return this.#buffer.length;
  }

  /** The next value once there is one; `{ ok: false }` for ever once the channel has ended and is drained. */
  receive(): Promise<Received<T>> {
    return new Promise((resolve) => {
      const received = this.tryReceive();
      if (received === undefined) this.#queue.push(resolve);
      else resolve(received);
    });
  }

  /** The next value if there is one, the end if it has come to that, undefined if it is worth waiting. */
  tryReceive(): Received<T> | undefined {
    const received = this.#buffer.shift();
    if (received === undefined) return this.#isEnded ? END : undefined;
    this.#grant();
    return received;
  }

  /** Whether {@link tryReceive} would return something. */
  get isReady(): boolean {
    return this.#isEnded || this.#buffer.length > 0;
  }

  /** Calls `watcher` whenever a value arrives that nobody waits for, and when the channel ends. */
  watch(watcher: () => void): void {
    this.#signal.watch(watcher);
    if (this.isReady) watcher();
  }

  /** Calls `waiter` once, as {@link watch} does. Returns how to take that back. */
  once(waiter: () => void): () => void {
    return this.#signal.once(waiter);
  }

  /** Receives until the channel has ended: `for v := range ch`. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (let received = await this.receive(); received.ok; received = await this.receive())
      yield received.value;
  }

  /** @internal A value came out of the port. */
  accept(value: T): void {
    if (this.#isEnded) return;
    const received = { ok: true, value } as const;
    const waiting = this.#queue.shift();
    if (waiting !== undefined) {
      this.#grant();
      waiting(received);
      return;
    }
    this.#buffer.push(received);
    this.#signal.notify();
  }

  /** @internal Nothing more will come. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    for (const waiting of this.#queue.splice(0)) waiting(END);
    this.#signal.notify();
  }

  /** One value was consumed. Credit goes back in portions: a message for each would double the traffic. */
  #grant(): void {
    this.#consumed += 1;
    if (this.#consumed < this.#grantAt || this.#isEnded) return;
    this.#port.postMessage([FrameKind.credit, this.#consumed]);
    this.#consumed = 0;
  }
}
