/** The watches that are told of changes as they happen, by their prefix. */

import type { KeyChange } from '../../../state-machine/history.js';
import type { Watch } from './watch.js';

export class LiveWatches {
  readonly #byPrefix = new Map<string, Set<Watch>>();
  /** How many prefixes have each length, and the lengths in order. */
  readonly #prefixesOfLength = new Map<number, number>();
  #lengths: readonly number[] = [];

  get isEmpty(): boolean {
    return this.#byPrefix.size === 0;
  }

  add(watch: Watch): void {
    watch.isLive = true;
    const watches = this.#byPrefix.get(watch.prefix);
    if (watches !== undefined) {
      watches.add(watch);
      return;
    }
    this.#byPrefix.set(watch.prefix, new Set([watch]));
    this.#countPrefix(watch.prefix.length, 1);
  }

  /** Does nothing if it is not live. */
  delete(watch: Watch): void {
    if (!watch.isLive) return;
    watch.isLive = false;
    const watches = this.#byPrefix.get(watch.prefix);
    watches?.delete(watch);
    if (watches?.size !== 0) return;
    this.#byPrefix.delete(watch.prefix);
    this.#countPrefix(watch.prefix.length, -1);
  }

  /** Calls `tell` with each watch whose prefix the change's key has; it may take the watch out. */
  forEach({ kind, key }: KeyChange, tell: (watch: Watch) => void): void {
    if (kind === 'flushed') {
      for (const watches of this.#byPrefix.values()) watches.forEach(tell);
      return;
    }
    for (const length of this.#lengths) {
      if (length > key.length) break;
      this.#byPrefix.get(key.slice(0, length))?.forEach(tell);
    }
  }

  #countPrefix(length: number, by: 1 | -1): void {
    const count = (this.#prefixesOfLength.get(length) ?? 0) + by;
    if (count > 0) this.#prefixesOfLength.set(length, count);
    else this.#prefixesOfLength.delete(length);
    if (this.#lengths.length !== this.#prefixesOfLength.size)
      this.#lengths = [...this.#prefixesOfLength.keys()].sort((a, b) => a - b);
  }
}
