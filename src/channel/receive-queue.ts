/**
 * The receiving end of either kind of channel: what has arrived, and who waits for more.
 *
 * Invariant: if something is buffered, nobody waits.
 */

import type { Received, Receiver, Request, Withdraw } from './channel.js';
import { Requests } from './requests.js';
import { Ring } from './ring.js';

/** The way back from a receiving end to its sending end. */
export interface Inlet {
  /** A value was received: there is room for another. */
  taken(): void;
  /** Somebody receives, and nothing is buffered: an unbuffered channel's moment to hand over. Others have none. */
  wanted?(): void;
}

const END = Object.freeze({ value: undefined, ok: false });

export class ReceiveQueue<T> implements Receiver<T> {
  readonly #inlet: Inlet;
  readonly #buffer: Ring<Received<T>>;
  readonly #requests = new Requests<T>();
  #watcher: (() => void) | undefined;
  #ended = false;

  constructor(capacity: number, inlet: Inlet) {
    this.#buffer = new Ring(capacity);
    this.#inlet = inlet;
  }

  get buffered(): number {
    return this.#buffer.size;
  }

  /** Whether the sending end is closed; values may still be buffered. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Whether somebody waits to receive. */
  get awaited(): boolean {
    return this.#requests.size > 0;
  }

  async receive(): Promise<Received<T>> {
    return this.tryReceive() ?? new Promise((resolve) => this.request(resolve));
  }

  tryReceive(): Received<T> | undefined {
    const received = this.#buffer.shift();
    if (received !== undefined) {
      this.#inlet.taken();
      return received;
    }
    return this.#ended ? END : this.#rendezvous();
  }

  watch(callback: () => void): void {
    this.#watcher = callback;
    if (this.#buffer.size > 0 || this.#ended) callback();
  }

  request(request: Request<T>): Withdraw {
    return this.#requests.add(request);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (let next = await this.receive(); next.ok; next = await this.receive()) yield next.value;
  }

  /** For the inlet: a value has arrived. Throws AssertionError when the sender did not heed the capacity. */
  deliver(value: T): void {
    const received: Received<T> = { value, ok: true };
    const request = this.#requests.take();
    if (request === undefined) {
      this.#buffer.push(received);
      this.#watcher?.();
      return;
    }
    request(received);
    this.#inlet.taken();
  }

  /** For the inlet: nothing arrives any more. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (let request = this.#requests.take(); request !== undefined; request = this.#requests.take())
      request(END);
    this.#watcher?.();
  }

  /** Waits for no longer than it takes a sender that is waiting itself to hand its value over. */
  #rendezvous(): Received<T> | undefined {
    if (this.#inlet.wanted === undefined) return undefined;
    let received: Received<T> | undefined;
    const withdraw = this.request((handedOver) => {
      received = handedOver;
    });
    this.#inlet.wanted();
    withdraw();
    return received;
  }
}
