/**
 * What checks remember of a log: the terms along it, kept as runs. Terms never decrease along a log, so there are few.
 */

import type { LogIndex, LogPosition, Term } from '../types.js';

interface Run {
  readonly from: LogIndex;
  readonly term: Term;
}

export class LogTerms {
  #runs: Run[];
  #lastIndex: LogIndex;

  /** Nothing is known of what comes before `start`. */
  constructor(start: LogPosition) {
    this.#runs = [{ from: start.index, term: start.term }];
    this.#lastIndex = start.index;
  }

  get lastIndex(): LogIndex {
    return this.#lastIndex;
  }

  /** The term of the entry at `index`; undefined after the end, and where nothing is known. */
  termAt(index: LogIndex): Term | undefined {
    if (index > this.#lastIndex) return undefined;
    for (let i = this.#runs.length - 1; i >= 0; i -= 1) {
      const run = this.#runs[i];
      if (run !== undefined && run.from <= index) return run.term;
    }
    return undefined;
  }

  /** Continues the log up to and including `lastIndex` with entries of this term. */
  extend(lastIndex: LogIndex, term: Term): void {
    if (lastIndex <= this.#lastIndex) return;
    if (this.#runs.at(-1)?.term !== term) this.#runs.push({ from: this.#lastIndex + 1, term });
    this.#lastIndex = lastIndex;
  }

  /** Ends the log at `lastIndex`, which is not before its start. */
  truncateTo(lastIndex: LogIndex): void {
    this.#lastIndex = Math.min(this.#lastIndex, lastIndex);
    while (this.#runs.length > 1 && (this.#runs.at(-1)?.from ?? 0) > lastIndex) this.#runs.pop();
  }

  copy(): LogTerms {
    const copy = new LogTerms({ index: 0, term: 0 });
    copy.#runs = [...this.#runs];
    copy.#lastIndex = this.#lastIndex;
    return copy;
  }
}
