/**
 * The sending end of either kind of channel: who may send now, and who waits for room.
 *
 * Invariant, whenever nothing of the room is running: if there is room, nobody waits.
 */

import type { Offer, Sender, Withdraw } from './channel.js';
import { ChannelClosedError, type ClosedBy } from './channel-errors.js';

/** The way from a sending end to its receiving end. */
export interface Outlet<T> {
  hasRoom(): boolean;
  /** Sends the value. Only while there is room. When it throws, the value was not sent and the room is still there. */
  put(value: T): void;
  /** Somebody looks or waits for room, and there is none. Called any number of times. */
  starved(): void;
  /** No value follows. */
  end(): void;
}

export class SendQueue<T> implements Sender<T> {
  readonly #outlet: Outlet<T>;
  readonly #offers = new Set<Offer<T>>();
  readonly #roomCallbacks = new Set<() => void>();
  #closedBy: ClosedBy | undefined;

  constructor(outlet: Outlet<T>) {
    this.#outlet = outlet;
  }

  get closed(): boolean {
    return this.#closedBy !== undefined;
  }

  async send(value: T): Promise<void> {
    if (this.trySend(value)) return;
    await new Promise<void>((resolve, reject) => {
      this.offer({ take: () => value, sent: resolve, refused: reject });
    });
  }

  trySend(value: T): boolean {
    if (this.#closedBy !== undefined) throw new ChannelClosedError(this.#closedBy);
    if (!this.#outlet.hasRoom()) {
      this.#outlet.starved();
      return false;
    }
    this.#outlet.put(value);
    return true;
  }

  whenRoom(callback: () => void): void {
    if (this.closed || this.#outlet.hasRoom()) {
      callback();
      return;
    }
    this.#roomCallbacks.add(callback);
    this.#outlet.starved();
  }

  offer(offer: Offer<T>): Withdraw {
    this.#offers.add(offer);
    return () => {
      this.#offers.delete(offer);
    };
  }

  close(): void {
    if (this.closed) return;
    this.fail('this end');
    this.#outlet.end();
  }

  /** For the outlet: there may be room again. Serves those who wait for as long as there is. */
  admit(): void {
    for (const offer of this.#offers) {
      if (!this.#outlet.hasRoom()) break;
      this.#offers.delete(offer);
      this.#serve(offer);
    }
    for (const callback of this.#roomCallbacks) {
      if (!this.#outlet.hasRoom()) break;
      this.#roomCallbacks.delete(callback);
      callback();
    }
    if (this.#offers.size > 0 || this.#roomCallbacks.size > 0) this.#outlet.starved();
  }

  /** For the outlet: closes without telling the receiving end. */
  fail(closedBy: ClosedBy): void {
    if (this.closed) return;
    this.#closedBy = closedBy;
    for (const offer of this.#offers) {
      this.#offers.delete(offer);
      offer.refused(new ChannelClosedError(closedBy));
    }
    for (const callback of this.#roomCallbacks) {
      this.#roomCallbacks.delete(callback);
      callback();
    }
  }

  #serve(offer: Offer<T>): void {
    try {
      this.#outlet.put(offer.take());
    } catch (error) {
      offer.refused(error);
      return;
    }
    offer.sent();
  }
}
