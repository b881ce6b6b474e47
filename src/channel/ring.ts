/** The buffer of a channel that holds values. */

import assert from 'node:assert/strict';

/** A first-in, first-out buffer that never holds more than its capacity. */
export class Ring<T extends object> {
  readonly #slots: (T | undefined)[];
  #head = 0;
  #size = 0;

  constructor(capacity: number) {
    this.#slots = new Array<T | undefined>(capacity).fill(undefined);
  }

  get size(): number {
    return this.#size;
  }

  /** Throws AssertionError when the ring is full: whoever pushes knows that there is room. */
  push(item: T): void {
    assert(this.#size < this.#slots.length, 'a value was sent beyond the capacity of the channel');
    this.#slots[(this.#head + this.#size) % this.#slots.length] = item;
    this.#size += 1;
  }

  /** Takes the oldest item; undefined when there is none. */
  shift(): T | undefined {
    if (this.#size === 0) return undefined;
    const item = this.#slots[this.#head];
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) % this.#slots.length;
    this.#size -= 1;
    return item;
  }
}
