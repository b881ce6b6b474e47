/**
 * A channel in each direction over one MessagePort.
 *
 * postMessage never waits and never refuses, so everything would pile up in the port of a receiver that is slower. Here
 * the sender needs one credit per value. The receiver grants as many as its capacity when it opens, and again what it has
 * received since: with a value that goes the other way, or once they make up half of the capacity, or as soon as the
 * sender says that it is starved. So credits, values in the port and values in the buffer never add up to more than the
 * capacity, and a sender never waits while there is room.
 */

import type { Transferable } from 'node:worker_threads';
import type { Receiver, Sender } from './channel.js';
import { requireCapacity } from './channel-errors.js';
import { type Frame, postValue } from './frames.js';
import type { Port } from './port.js';
import { ReceiveQueue } from './receive-queue.js';
import { SendQueue } from './send-queue.js';

export interface PortChannelOptions<Out> {
  /** Values that this end's receiver lets arrive before it has received them; the other end's is its own. */
  readonly capacity: number;
  /** What to transfer with a value, in place of the default rule of {@link postValue}. */
  readonly transfer?: (value: Out) => readonly Transferable[];
}

/** One end of a port: a sender for this direction, a receiver for the other. */
export interface PortChannel<Out, In = Out> {
  readonly sender: Sender<Out>;
  readonly receiver: Receiver<In>;

  /**
   * Resolves when the port is closed, by either end or by the death of the other thread: then at once, also
   * while values are still buffered here. The sender is closed by then, and nothing more arrives.
   */
  readonly done: Promise<void>;

  /**
   * Closes both directions. The other end still gets what was sent; what is on its way to this end is dropped,
   * what has arrived can still be received.
   */
  close(): void;
}

/**
 * Opens this end of `port`, which the channel then owns. Nothing can be sent before the other end is open too.
 *
 * Closing `sender` ends this direction only. The port is closed, and no longer keeps the thread alive, when both
 * directions have ended, when either end calls `close`, or when the other thread dies.
 *
 * Throws ChannelCapacityError unless `capacity` is a whole number, 1 or more: 0 would mean that sender and
 * receiver meet, which two threads cannot.
 */
export function openChannel<Out, In = Out>(
  port: Port,
  options: PortChannelOptions<Out>,
): PortChannel<Out, In> {
  requireCapacity(options.capacity, 1);
  return new PortEnd<Out, In>(port, options);
}

class PortEnd<Out, In> implements PortChannel<Out, In> {
  readonly sender: SendQueue<Out>;
  readonly receiver: ReceiveQueue<In>;
  readonly done: Promise<void>;

  readonly #port: Port;
  readonly #transfer: PortChannelOptions<Out>['transfer'];
  readonly #grantSize: number;
  /** Values that may be sent. */
  #credits = 0;
  /** Whether a grant is asked for and has not come; the first one comes unasked, when the other end opens. */
  #awaitingGrant = true;
  /** Values received for which no credit was granted yet. */
  #owed = 0;
  /** Whether the other end's sender is starved. */
  #peerStarved = false;

  constructor(port: Port, options: PortChannelOptions<Out>) {
    this.#port = port;
    this.#transfer = options.transfer;
    this.#grantSize = Math.ceil(options.capacity / 2);
    this.sender = new SendQueue<Out>({
      hasRoom: () => this.#credits > 0,
      put: (value) => this.#put(value),
      starved: () => this.#tellStarved(),
      end: () => this.#tellEnd(),
    });
    this.receiver = new ReceiveQueue<In>(options.capacity, { taken: () => this.#taken() });
    this.done = new Promise((resolve) => {
      const finish = () => {
        this.receiver.end();
        resolve();
        this.sender.fail('the other end');
      };
      port.once('close', finish);
      port.on('message', this.#onFrame);
      if (isClosed(port)) finish();
    });
    this.#post(options.capacity);
  }

  close(): void {
    this.sender.fail('this end');
    this.receiver.end();
    this.#closePort();
  }

  readonly #onFrame = (frame: Frame<In>): void => {
    if (typeof frame === 'number') {
      this.#granted(frame);
    } else if (frame === 'starved') {
      this.#peerStarved = true;
      this.#grantIfDue();
    } else if (frame === 'end') {
      this.receiver.end();
      this.#closePortIfDone();
    } else {
      const [value, credits] = frame;
      this.receiver.deliver(value);
      if (credits > 0) this.#granted(credits);
    }
  };

  #granted(credits: number): void {
    this.#credits += credits;
    this.#awaitingGrant = false;
    this.sender.admit();
  }

  #put(value: Out): void {
    if (this.#transfer === undefined) {
      postValue(this.#port, value, this.#owed);
    } else {
      this.#post([value, this.#owed], this.#transfer(value));
    }
    this.#credits -= 1;
    if (this.#owed > 0) this.#grantedAllOwed();
  }

  #tellStarved(): void {
    if (this.#awaitingGrant) return;
    this.#awaitingGrant = true;
    this.#post('starved');
  }

  #tellEnd(): void {
    this.#post('end');
    this.#closePortIfDone();
  }

  #taken(): void {
    this.#owed += 1;
    this.#grantIfDue();
  }

  #grantIfDue(): void {
    const due = this.#peerStarved ? 1 : this.#grantSize;
    if (this.#owed < due) return;
    this.#post(this.#owed);
    this.#grantedAllOwed();
  }

  #grantedAllOwed(): void {
    this.#owed = 0;
    this.#peerStarved = false;
  }

  #post(frame: Frame<Out>, transfer?: readonly Transferable[]): void {
    this.#port.postMessage(frame, transfer);
  }

  #closePortIfDone(): void {
    if (this.sender.closed && this.receiver.ended) this.#closePort();
  }

  #closePort(): void {
    // A port that is closing may still emit what is queued in it, and a receiver that has ended stays ended.
    this.#port.off('message', this.#onFrame);
    this.#port.close();
  }
}

/**
 * Whether the port was closed before anyone listened for its `close` event, which then never comes: its other
 * end died on the way here. A port with a listener for messages keeps the thread alive unless it is closed.
 */
function isClosed(port: Port): boolean {
  return port.hasRef?.() === false;
}
