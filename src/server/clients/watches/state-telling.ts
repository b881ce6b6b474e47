/**
 * Tells a watcher the state: each key with its value as it is when the key's turn comes, in the order of the keys' bytes, and
 * in between the changes of keys that were told already. So all lines together give the state as of the last of them.
 *
 * The keys as of the beginning are gone through in slices, in sorted runs, which are then merged. Keys that came since then and
 * whose turn is still to come are kept aside.
 */

import type { KeyWalk } from '../../../state-machine/key-image.js';
import { STATE_PLACES_PER_TURN } from '../../../watch-limits.js';

export class StateTelling {
  #walk: KeyWalk | undefined;
  readonly #prefix: string;
  /** Sorted, the next key last. */
  readonly #runs: string[][] = [];
  /** Keys that came since the beginning and whose turn is to come, and those of them that are in no run yet. */
  readonly #added = new Set<string>();
  #unsorted: string[] = [];
  /** The key that was told last. */
  #last: string | undefined;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  get hasBegun(): boolean {
    return this.#walk !== undefined;
  }

  /** @param walk the keys as of now; it is closed by {@link close} */
  begin(walk: KeyWalk): void {
    this.#walk = walk;
  }

  /** Looks at more keys, if that is not done. Returns whether it is: {@link next} can be called. */
  prepare(): boolean {
    const walk = this.#walk;
    if (walk === undefined || walk.isAtEnd) return true;
    const run: string[] = [];
    for (let places = 0; places < STATE_PLACES_PER_TURN && !walk.isAtEnd; places += 1) {
      const key = walk.next();
      if (key?.startsWith(this.#prefix) === true) run.push(key);
    }
    this.#addRun(run);
    return walk.isAtEnd;
  }

  /** Whether the key's turn was: its changes are told as they happen. */
  isPast(key: string): boolean {
    return this.#last !== undefined && key <= this.#last;
  }

  /** A key came whose turn is to come. */
  add(key: string): void {
    if (this.#added.has(key)) return;
    this.#added.add(key);
    this.#unsorted.push(key);
    if (this.#unsorted.length >= STATE_PLACES_PER_TURN) this.#addRun(this.#unsorted.splice(0));
  }

  /** All keys were removed. */
  clear(): void {
    this.#walk?.close();
    this.#runs.length = 0;
    this.#added.clear();
    this.#unsorted = [];
  }

  /** The key whose turn it is; undefined at the end. It may be gone. */
  next(): string | undefined {
    if (this.#unsorted.length > 0) this.#addRun(this.#unsorted.splice(0));
    while (true) {
      let least: string[] | undefined;
      for (const run of this.#runs)
        if (least === undefined || (run.at(-1) ?? '') < (least.at(-1) ?? '')) least = run;
      const key = least?.pop();
      if (key === undefined || least === undefined) return undefined;
      if (least.length === 0) this.#runs.splice(this.#runs.indexOf(least), 1);
      this.#added.delete(key);
      if (this.isPast(key)) continue;
      this.#last = key;
      return key;
    }
  }

  close(): void {
    this.#walk?.close();
  }

  #addRun(keys: string[]): void {
    if (keys.length === 0) return;
    keys.sort((a, b) => (a < b ? 1 : a > b ? -1 : 0));
    this.#runs.push(keys);
  }
}
