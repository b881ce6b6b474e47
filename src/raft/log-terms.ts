/**
 * The terms along a log, kept as runs: terms never decrease along a log, so there are few.
 */

import type { LogIndex, LogPosition, Term } from './types.js';

interface Run {
  readonly from: LogIndex;
  readonly term: Term;
}

export class LogTerms {
  /** Never empty. */
  #runs: Run[];
  #lastIndex: LogIndex;
  #lastTerm: Term;

  /** Nothing is known of what comes before `start`. */
  constructor(start: LogPosition) {
    this.#runs = [{ from: start.index, term: start.term }];
    this.#lastIndex = start.index;
    this.#lastTerm = start.term;
  }

  get lastIndex(): LogIndex {
    return this.#lastIndex;
  }

  get lastTerm(): Term {
    return this.#lastTerm;
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

  /** The last position up to `index` whose term is at most `term`; undefined where nothing is known of one. */
  lastOfTermUpTo(term: Term, index: LogIndex): LogPosition | undefined {
    let end = Math.min(index, this.#lastIndex);
    for (let i = this.#runs.length - 1; i >= 0; i -= 1) {
      const run = this.#runs[i];
      if (run === undefined || run.from > end) continue;
      if (run.term <= term) return { index: end, term: run.term };
      end = run.from - 1;
    }
    return undefined;
  }

  /** Continues the log up to and including `lastIndex` with entries of this term. */
  extend(lastIndex: LogIndex, term: Term): void {
    if (lastIndex <= this.#lastIndex) return;
    if (this.#lastTerm !== term) this.#runs.push({ from: this.#lastIndex + 1, term });
    this.#lastIndex = lastIndex;
    this.#lastTerm = term;
  }

  /** Ends the log at `lastIndex`, which is not before its start. */
  truncateTo(lastIndex: LogIndex): void {
    this.#lastIndex = Math.min(this.#lastIndex, lastIndex);
    while (this.#runs.length > 1 && (this.#runs.at(-1)?.from ?? 0) > lastIndex) this.#runs.pop();
    this.#lastTerm = this.#runs.at(-1)?.term ?? this.#lastTerm;
  }

  /** From now on nothing is known of what comes before `index`, which is in the log. */
  forgetBefore(index: LogIndex): void {
    const term = this.termAt(index);
    if (term === undefined) return;
    this.#runs = [{ from: index, term }, ...this.#runs.filter(({ from }) => from > index)];
  }

  copy(): LogTerms {
    const copy = new LogTerms({ index: 0, term: 0 });
    copy.#runs = [...this.#runs];
    copy.#lastIndex = this.#lastIndex;
    copy.#lastTerm = this.#lastTerm;
    return copy;
  }
}
