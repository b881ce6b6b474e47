/**
 * The part of a client's stream that is not yet answered: appended at the end, dropped from the front.
 */

import { MAX_IDLE_HELD_BYTES } from '../limits.js';

const MIN_CAPACITY_BYTES = 512;

const NOTHING = Buffer.alloc(0);

export class HeldBytes {
  // A copy in one buffer rather than the pieces as they came: a client that sends single bytes would make us
  // hold an object of a hundred bytes for each.
  #buffer: Buffer = NOTHING;
  #start = 0;
  #end = 0;
  /** Views stay valid after an {@link append}, too. */
  isPinned = false;

  get length(): number {
    return this.#end - this.#start;
  }

  append(bytes: Uint8Array): void {
    if (this.#end + bytes.byteLength > this.#buffer.byteLength) this.#makeRoom(bytes.byteLength);
    this.#buffer.set(bytes, this.#end);
    this.#end += bytes.byteLength;
  }

  /** Drops bytes from the front. */
  discard(byteCount: number): void {
    this.#start += byteCount;
    if (this.#start < this.#end) return;
    this.#start = 0;
    this.#end = 0;
    if (this.#buffer.byteLength > MAX_IDLE_HELD_BYTES) this.#buffer = NOTHING;
  }

  /** The bytes between two offsets from the front, valid until the next {@link append}, unless they are pinned. */
  view(start: number, end: number): Uint8Array {
    return this.#buffer.subarray(this.#start + start, this.#start + end);
  }

  #makeRoom(byteCount: number): void {
    const length = this.length;
    const needed = length + byteCount;
    // Moving within the buffer only when half of it is free keeps the cost of a byte constant.
    const fits = !this.isPinned && needed <= this.#buffer.byteLength / 2;
    const target = fits ? this.#buffer : Buffer.allocUnsafeSlow(Math.max(2 * needed, MIN_CAPACITY_BYTES));
    this.#buffer.copy(target, 0, this.#start, this.#end);
    this.#buffer = target;
    this.#start = 0;
    this.#end = length;
  }
}
