/**
 * Which keys expire next: a binary heap of record ids by their deadlines, equal deadlines in the order of the keys' bytes, so
 * that keys expire in the same order on every server.
 *
 * It lies in arrays of numbers, and each id knows its place: a key that is overwritten moves at once, so no outdated deadline
 * stays in the heap. An object for each deadline would be work for the garbage collector.
 */

import type { RecordId } from './record-id.js';

const LEAST_PLACES = 1024;

/** Compares keys, for deadlines that are equal. */
export interface KeyOrder {
  isKeyBefore(id: RecordId, other: RecordId): boolean;
}

export class DeadlineHeap {
  readonly #order: KeyOrder;
  /** The id at each place, and its deadline in ms since the epoch. */
  #ids = new Uint32Array(LEAST_PLACES);
  #deadlines = new Float64Array(LEAST_PLACES);
  /** The place of each id, plus 1; 0 for an id without a deadline. */
  #places = new Uint32Array(LEAST_PLACES);
  #size = 0;

  constructor(order: KeyOrder) {
    this.#order = order;
  }

  /** How many ids have a deadline. */
  get size(): number {
    return this.#size;
  }

  /** The id with the earliest deadline, if there is any. */
  get firstId(): RecordId | undefined {
    return this.#size === 0 ? undefined : this.#ids[0];
  }

  /** The earliest deadline, in ms since the epoch; undefined without any. */
  get firstMs(): number | undefined {
    return this.#size === 0 ? undefined : this.#deadlines[0];
  }

  /** The id has this deadline now, in ms since the epoch, whether or not it had another one. Its key must be stored. */
  set(id: RecordId, deadlineMs: number): void {
    let place = this.#placeOf(id);
    if (place === this.#size) {
      if (this.#size === this.#ids.length) this.#growPlaces();
      if (id >= this.#places.length) this.#growIds(id);
      this.#size += 1;
    }
    this.#put(place, id, deadlineMs);
    place = this.#siftUp(place);
    this.#siftDown(place);
  }

  /** The id has no deadline any more. Its key must still be stored. */
  remove(id: RecordId): void {
    const place = this.#placeOf(id);
    if (place === this.#size) return;
    this.#size -= 1;
    this.#places[id] = 0;
    if (place === this.#size) return;
    this.#put(place, this.#ids[this.#size] ?? 0, this.#deadlines[this.#size] ?? 0);
    this.#siftDown(this.#siftUp(place));
  }

  /** The place of the id, or the next free place. */
  #placeOf(id: RecordId): number {
    const place = id < this.#places.length ? (this.#places[id] ?? 0) : 0;
    return place === 0 ? this.#size : place - 1;
  }

  #put(place: number, id: RecordId, deadlineMs: number): void {
    this.#ids[place] = id;
    this.#deadlines[place] = deadlineMs;
    this.#places[id] = place + 1;
  }

  /** Moves the item up to its place, and returns that. */
  #siftUp(from: number): number {
    let child = from;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (!this.#isBefore(child, parent)) return child;
      this.#swap(child, parent);
      child = parent;
    }
    return child;
  }

  #siftDown(from: number): void {
    let parent = from;
    while (true) {
      const left = 2 * parent + 1;
      if (left >= this.#size) return;
      const right = left + 1;
      const earlier = right < this.#size && this.#isBefore(right, left) ? right : left;
      if (!this.#isBefore(earlier, parent)) return;
      this.#swap(earlier, parent);
      parent = earlier;
    }
  }

  #isBefore(place: number, other: number): boolean {
    const deadlineMs = this.#deadlines[place] ?? 0;
    const otherMs = this.#deadlines[other] ?? 0;
    if (deadlineMs !== otherMs) return deadlineMs < otherMs;
    return this.#order.isKeyBefore(this.#ids[place] ?? 0, this.#ids[other] ?? 0);
  }

  #swap(place: number, other: number): void {
    const id = this.#ids[place] ?? 0;
    const deadlineMs = this.#deadlines[place] ?? 0;
    this.#put(place, this.#ids[other] ?? 0, this.#deadlines[other] ?? 0);
    this.#put(other, id, deadlineMs);
  }

  #growPlaces(): void {
    const ids = new Uint32Array(2 * this.#ids.length);
    ids.set(this.#ids);
    this.#ids = ids;
    const deadlines = new Float64Array(2 * this.#deadlines.length);
    deadlines.set(this.#deadlines);
    this.#deadlines = deadlines;
  }

  #growIds(id: RecordId): void {
    const places = new Uint32Array(Math.max(2 * this.#places.length, id + 1));
    places.set(this.#places);
    this.#places = places;
  }
}
