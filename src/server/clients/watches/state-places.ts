/** Who is told the state, and who waits for that: what is kept for each of those who are told takes memory. */

import { MAX_STATE_WATCHERS, UNREAD_STATE_MS, UNREAD_WANTED_STATE_MS } from '../../../watch-limits.js';
import type { Watch } from './watch.js';

export class StatePlaces {
  readonly #waiting = new Set<Watch>();
  readonly #taken = new Set<Watch>();

  /** The watch waits for a place. */
  ask(watch: Watch): void {
    this.#waiting.add(watch);
  }

  /** Gives the watch a place, and returns whether there was one. */
  take(watch: Watch): boolean {
    if (this.#taken.size >= MAX_STATE_WATCHERS) return false;
    this.#waiting.delete(watch);
    this.#taken.add(watch);
    return true;
  }

  /** The watch needs no place any more. */
  leave(watch: Watch): void {
    this.#waiting.delete(watch);
    this.#taken.delete(watch);
  }

  /** How long a watcher may keep its place without reading, in ms: less if another one waits for it. */
  get maxUnreadMs(): number {
    return this.#waiting.size === 0 ? UNREAD_STATE_MS : UNREAD_WANTED_STATE_MS;
  }
}
