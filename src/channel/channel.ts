/**
 * What a channel is: a bounded first-in, first-out queue with a sending and a receiving end, which behaves as
 * Go's `chan` does. There are two kinds: {@link makeChannel} joins two tasks of one thread, {@link openChannel}
 * two threads. What {@link select} does with them is the same for both.
 *
 * Where they differ from Go: sending on a closed channel throws an error rather than ending the program, and
 * closing twice has no effect, since the other thread's death closes a channel too and no caller can foresee it.
 */

/** What a receive yields: a value, or the news that the channel is closed and drained, as Go's `v, ok := <-ch`. */
export type Received<T> =
  | { readonly value: T; readonly ok: true }
  | { readonly value: undefined; readonly ok: false };

export interface Sender<T> {
  /** Whether sending throws: this end was closed, or the other end's thread is gone. */
  readonly closed: boolean;

  /**
   * Sends `value`, after waiting for room. Those who wait are served in the order in which they came.
   * Rejects with {@link ChannelClosedError} when the channel is closed, before or while waiting, and with what
   * `postMessage` throws when the value cannot be sent to another thread.
   */
  send(value: T): Promise<void>;

  /** Sends `value` if there is room now, else returns false and leaves it untouched. Throws as `send` rejects. */
  trySend(value: T): boolean;

  /**
   * Calls `callback` once, when {@link trySend} would no longer return false: because there is room, or because
   * the channel is closed (look at {@link closed} first: sending would throw). At once if that is so already. A
   * callback that is waiting is not added again.
   */
  whenRoom(callback: () => void): void;

  /** The receiver still gets what was sent, then its end. Sends that wait for room are rejected. */
  close(): void;

  /**
   * Waits for room without a promise, in one queue with {@link send}, until the returned function is called.
   * Only right after {@link trySend} returned false. What {@link select} is built on.
   */
  offer(offer: Offer<T>): Withdraw;
}

export interface Receiver<T> extends AsyncIterable<T> {
  /** How many values have arrived and wait to be received: Go's `len(ch)`. */
  readonly buffered: number;

  /**
   * The next value, after waiting for it; `ok` is false once the channel is closed and drained, and for ever
   * after. Those who wait are served in the order in which they came.
   */
  receive(): Promise<Received<T>>;

  /** What {@link receive} would yield without waiting; undefined when there is nothing yet. */
  tryReceive(): Received<T> | undefined;

  /**
   * Calls `callback` whenever a value arrives, or the channel closes, and nobody waits to receive it. At once if
   * that has happened already. Replaces the callback given before.
   *
   * For event loops that drain with {@link tryReceive} at the end of a turn: the callback runs in the midst of
   * the delivery, so it takes a note and does not receive. On an unbuffered channel nothing arrives unasked,
   * and so only the end is told.
   */
  watch(callback: () => void): void;

  /**
   * Waits for a value without a promise, in one queue with {@link receive}, until the returned function is
   * called. Only right after {@link tryReceive} returned undefined. What {@link select} is built on.
   */
  request(request: Request<T>): Withdraw;
}

/** The two ends of one direction. */
export interface Channel<T> {
  readonly sender: Sender<T>;
  readonly receiver: Receiver<T>;
}

/** A send that waits for room. Nothing of it is called after it was withdrawn. */
export interface Offer<T> {
  /** There is room: hands the value over. Then one of the other two follows before anything else happens. */
  take(): T;
  /** The value is on its way. */
  sent(): void;
  /** The channel was closed, in which case `take` was not called, or the value taken cannot be sent. */
  refused(error: unknown): void;
}

/** A receive that waits for a value or the end. Called once, and not after it was withdrawn. */
export type Request<T> = (received: Received<T>) => void;

/** Stops waiting. No effect on what has been served already. */
export type Withdraw = () => void;
