/**
 * The cursors of SCAN: each stands for a walk through the keys that goes on where it stopped.
 *
 * A walk meets every key that is there from its beginning to its end; others may come and go meanwhile. An unknown
 * cursor, which is old or which another server gave out, begins a new walk: keys may come twice, which callers of SCAN
 * have to expect anyway, and none is missed.
 */

import { MAX_SCAN_CURSORS } from '../../limits.js';
export interface ScanPart {
  /** 0 at the end. */
  readonly cursor: number;
  readonly keys: readonly string[];
}

export class Scans {
  readonly #walks = new Map<number, Iterator<string>>();
  #lastCursor = 0;

  /** @param keys begins a new walk */
  next(cursor: number, count: number, keys: () => Iterator<string>): ScanPart {
    const walk = this.#walks.get(cursor) ?? keys();
    this.#walks.delete(cursor);
    const found: string[] = [];
    while (found.length < count) {
      const next = walk.next();
      if (next.done === true) return { cursor: 0, keys: found };
      found.push(next.value);
    }
    return { cursor: this.#keep(walk), keys: found };
  }

  /** The keys are others now. */
  clear(): void {
    this.#walks.clear();
  }

  #keep(walk: Iterator<string>): number {
    this.#lastCursor += 1;
    this.#walks.set(this.#lastCursor, walk);
    if (this.#walks.size > MAX_SCAN_CURSORS) {
      const [oldest] = this.#walks.keys();
      if (oldest !== undefined) this.#walks.delete(oldest);
    }
    return this.#lastCursor;
  }
}
