/**
 * The last changes of keys that etcd has told of, in the order of their revisions, for those who watch: in memory, and bounded.
 * It is what History is to a server with a log, but for that revisions have gaps, and that it can be continued backwards.
 */

import type { KeyChange } from '../state-machine/history.js';
import { DEFAULT_HISTORY_CHANGES, MAX_HISTORY_BYTES } from '../watch-limits.js';

/** What a change takes besides its key and its value. */
const CHANGE_BYTES = 200;

export class ChangeHistory {
  readonly #maxChanges: number;
  #changes: KeyChange[] = [];
  /** Those before this place were dropped. */
  #start = 0;
  #bytes = 0;
  #first: number;

  /** @param first nothing before it is kept */
  constructor(first: number, maxChanges = DEFAULT_HISTORY_CHANGES) {
    this.#first = first;
    this.#maxChanges = maxChanges;
  }

  /** Nothing: values are kept whole here, whether somebody watches or not. */
  keepParts(): void {}

  /** Nothing, too. */
  keepNoParts(): void {}

  /** The first revision from which on all changes are kept. */
  get first(): number {
    return this.#first;
  }

  get firstKept(): number {
    return this.#first;
  }

  /** How many changes could be kept before the first one. */
  get room(): number {
    return Math.max(0, this.#maxChanges - this.#count);
  }

  keepsFrom(revision: number): boolean {
    return revision >= this.#first;
  }

  /** Adds a change, which comes after all others. */
  add(change: KeyChange): void {
    this.#changes.push(change);
    this.#bytes += bytesOf(change);
    while (this.#count > 1 && (this.#count > this.#maxChanges || this.#bytes > MAX_HISTORY_BYTES))
      this.#dropOldest();
  }

  /**
   * Adds the changes from a revision on up to the first one that is kept. Nothing if they take too much room, or if that is
   * another one by now than `before`.
   */
  addBefore(before: number, changes: readonly KeyChange[], first: number): void {
    const bytes = changes.reduce((sum, change) => sum + bytesOf(change), 0);
    if (before !== this.#first || changes.length > this.room || this.#bytes + bytes > MAX_HISTORY_BYTES)
      return;
    this.#changes = [...changes, ...this.#changes.slice(this.#start)];
    this.#start = 0;
    this.#bytes += bytes;
    this.#first = first;
  }

  /** See History.visit. */
  visit(from: number, last: number, visit: (change: KeyChange) => boolean): number {
    for (let place = this.#placeOf(from); place < this.#changes.length; place += 1) {
      const change = this.#changes[place];
      if (change === undefined || change.revision > last) break;
      if (!visit(change)) return change.revision + 1;
    }
    return Math.max(from, last + 1);
  }

  get #count(): number {
    return this.#changes.length - this.#start;
  }

  /** Of the first change with this revision or a later one. */
  #placeOf(revision: number): number {
    let low = this.#start;
    let high = this.#changes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#changes[middle]?.revision ?? 0) < revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #dropOldest(): void {
    const oldest = this.#changes[this.#start];
    if (oldest === undefined) return;
    this.#start += 1;
    this.#bytes -= bytesOf(oldest);
    this.#first = oldest.revision + 1;
    // Those that were dropped go together, so that each is moved once on average.
    if (this.#start < this.#changes.length / 2) return;
    this.#changes = this.#changes.slice(this.#start);
    this.#start = 0;
  }
}

function bytesOf({ key, value }: KeyChange): number {
  return CHANGE_BYTES + key.length + (value?.length ?? 0);
}
