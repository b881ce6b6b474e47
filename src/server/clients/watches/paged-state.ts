/**
 * The state that a watcher is told, all of it as of one revision, read page by page: the next one once the one before was told.
 */

import type { KeyRecord } from '../../../state-machine/key-record.js';
import type { StatePage, StatePages } from '../change-source.js';

export class PagedState {
  readonly #pages: StatePages;
  readonly #prefix: string;
  #revision = 0;
  #page: StatePage | undefined;
  #place = 0;
  #isReading = false;
  #isClosed = false;
  /** The rest cannot be had. */
  isLost = false;

  constructor(pages: StatePages, prefix: string) {
    this.#pages = pages;
    this.#prefix = prefix;
  }

  get hasBegun(): boolean {
    return this.#revision > 0;
  }

  /** The revision that all of it is of. */
  get revision(): number {
    return this.#revision;
  }

  get isAtEnd(): boolean {
    return this.#page?.hasMore === false && this.#place >= this.#page.records.length;
  }

  begin(revision: number): void {
    this.#revision = revision;
    this.#read(undefined);
  }

  /** The next key and its record; undefined at the end, and while a page is read. */
  next(): readonly [key: string, record: KeyRecord] | undefined {
    const next = this.#page?.records[this.#place];
    if (next !== undefined) this.#place += 1;
    else if (!this.isAtEnd && !this.#isReading && !this.isLost) this.#read(this.#page?.records.at(-1)?.[0]);
    return next;
  }

  close(): void {
    this.#isClosed = true;
  }

  #read(after: string | undefined): void {
    this.#isReading = true;
    const take = (page: StatePage | undefined) => {
      this.#isReading = false;
      if (this.#isClosed) return;
      if (page === undefined) this.isLost = true;
      this.#page = page;
      this.#place = 0;
      this.#pages.onRead();
    };
    this.#pages.read(this.#prefix, after, this.#revision).then(take, () => take(undefined));
  }
}
