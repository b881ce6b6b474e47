/** A walk through keys that come page by page: for commands that go through all keys of a store in this thread. */

import type { KeyWalk } from '../state-machine/key-image.js';

export class PagedWalk implements KeyWalk {
  readonly #onPageEnd: () => void;
  #keys: readonly string[] = [];
  #place = 0;
  #hasMore = true;

  /** @param onPageEnd called when a key is asked for that is on the next page */
  constructor(onPageEnd: () => void) {
    this.#onPageEnd = onPageEnd;
  }

  get isAtEnd(): boolean {
    return !this.#hasMore && this.#place >= this.#keys.length;
  }

  /** Whether {@link add} must be called before {@link next} has another key. */
  get needsPage(): boolean {
    return this.#hasMore && this.#place >= this.#keys.length;
  }

  add(keys: readonly string[], { hasMore }: { readonly hasMore: boolean }): void {
    this.#keys = keys;
    this.#place = 0;
    this.#hasMore = hasMore;
  }

  next(): string | undefined {
    const key = this.#keys[this.#place];
    if (key === undefined) this.#onPageEnd();
    else this.#place += 1;
    return key;
  }

  close(): void {
    this.add([], { hasMore: false });
  }
}
