/**
 * The revision that each change of a key gets: a counter that goes up by one for each key changed, the same on every server.
 *
 * Counting begins with the first batch that says so (batch.ts), at the microseconds since 1970 of its stamp: a new cluster
 * repeats no number of an earlier one. A restored cluster begins no lower than {@link RESTORE_GAP} after its backup.
 */

const US_PER_MS = 1000;

/** What a restored cluster leaves out after the last revision of its backup, so that none is repeated. */
const RESTORE_GAP = 2 ** 32;

export class Revisions {
  /** The last revision; while they are not counted, the negative of what the first must be greater than. */
  #last = 0;
  #uncounted = 0;
  #step = 0;

  /** The revision of the last change; 0 until counting begins. */
  get last(): number {
    return Math.max(0, this.#last);
  }

  get isCounted(): boolean {
    return this.#step === 1;
  }

  /** The revision of the next change, which happens now; 0 while revisions are not counted. */
  next(): number {
    this.#last += this.#step;
    return this.#step === 1 ? this.#last : 0;
  }

  /** Counts from now on, at the time of this stamp, in ms since the epoch; nothing if that has begun. */
  begin(stampMs: number): void {
    if (this.isCounted) return;
    this.#last = Math.max(1, Math.floor(stampMs * US_PER_MS), -this.#last);
    if (this.#uncounted === 0) this.#uncounted = this.#last;
    this.#step = 1;
  }

  /** What a record with this revision shows: those that were last changed before counting began show where it did. */
  shown(revision: number): number {
    return revision === 0 ? this.#uncounted : revision;
  }

  /** The changes after this revision are taken back. */
  takeBackTo(last: number): void {
    if (this.isCounted) this.#last = last;
  }

  /** Two numbers for an image. */
  get state(): RevisionState {
    return { last: this.#last, uncounted: this.#uncounted };
  }

  set state({ last, uncounted }: RevisionState) {
    this.#last = last;
    this.#uncounted = uncounted;
    this.#step = last > 0 ? 1 : 0;
  }
}

export interface RevisionState {
  /** The last revision; zero or less while they are not counted: then the negative of what the first must be greater than. */
  readonly last: number;
  /** What records show that were last changed before counting began; 0 until it begins. */
  readonly uncounted: number;
}

/** The state in a new cluster that is made of a backup with this one. */
export function restored({ last, uncounted }: RevisionState): RevisionState {
  return { last: last > 0 ? -(last + RESTORE_GAP - 1) : last, uncounted };
}
