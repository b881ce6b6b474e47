/**
 * Who waits to receive, in the order in which they came.
 *
 * No Set: V8 gives one whose last item is deleted a new table, to which the old one refers. An old table that is garbage keeps
 * the new one through collections of the nursery, and so each of them until the whole heap is collected.
 */

import type { Request, Withdraw } from './channel.js';

interface Place<T> {
  /** Undefined once it was taken or withdrawn. */
  request: Request<T> | undefined;
}

/** Places that were withdrawn in between are removed once they are more than those that wait, and than this many. */
const MAX_EMPTY_PLACES = 16;

export class Requests<T> {
  #places: Place<T>[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(request: Request<T>): Withdraw {
    const place: Place<T> = { request };
    this.#places.push(place);
    this.#size += 1;
    return () => {
      if (place.request === undefined) return;
      place.request = undefined;
      this.#size -= 1;
      this.#tidy();
    };
  }

  /** Removes the first; undefined when there is none. */
  take(): Request<T> | undefined {
    for (let place = this.#places.shift(); place !== undefined; place = this.#places.shift()) {
      const { request } = place;
      if (request === undefined) continue;
      place.request = undefined;
      this.#size -= 1;
      return request;
    }
    return undefined;
  }

  #tidy(): void {
    while (this.#places.length > 0 && this.#places.at(-1)?.request === undefined) this.#places.pop();
    if (this.#places.length > 2 * this.#size + MAX_EMPTY_PLACES)
      this.#places = this.#places.filter(({ request }) => request !== undefined);
  }
}
