/**
 * When a small entry had better be proposed a moment later.
 *
 * Clients that wait for each reply ask again as soon as they have it, so those whose writes were in one entry come back
 * together. If what the others ask meanwhile is proposed at once, the clients fall into groups, each with entries of its own,
 * and a small entry costs about as much as a large one. So a small entry waits until the one before is answered and its
 * clients are back, but no longer than {@link MAX_WAIT_MS} or two entries take. Where clients do not come back in that time, it
 * is tried ever more rarely.
 */

/** Fewer writes than these are not waited for. */
const MIN_COMPANIONS = 8;
const MAX_WAIT_MS = 1;
/** After a wait in vain so many entries go at once, and twice as many after the next. */
const MIN_PAUSE_ENTRIES = 8;
const MAX_PAUSE_ENTRIES = 4096;

/** A client whose writes are answered. */
export interface Companion {
  /** The round of {@link GroupCommitDelay} in which it was answered and has not come back; 0 for none. */
  answeredInRound: number;
}

export class GroupCommitDelay {
  /** Counts the entries. */
  #round = 1;
  /** Writes in the last entry. */
  #lastCount = 0;
  #proposedAtMs = 0;
  /** How long the last entry took. */
  #entryMs = 0;
  /** Clients that were answered since the last entry was proposed, and those among them that have not come back. */
  #answered = 0;
  #missing = 0;
  #wait: { readonly untilMs: number; isOver: boolean } | undefined;
  /** So many entries more are not waited with. */
  #pause = 0;
  #nextPause = MIN_PAUSE_ENTRIES;

  /** When waiting ends at the latest; undefined while there is none. */
  get deadlineMs(): number | undefined {
    return this.#wait?.isOver === false ? this.#wait.untilMs : undefined;
  }

  /** A write of the client was answered. */
  answered(client: Companion): void {
    if (client.answeredInRound === this.#round) return;
    client.answeredInRound = this.#round;
    this.#answered += 1;
    this.#missing += 1;
  }

  /** The client sends something, or is gone. */
  cameBack(client: Companion): void {
    if (client.answeredInRound !== this.#round) return;
    client.answeredInRound = 0;
    this.#missing -= 1;
  }

  /** Whether to wait with a small entry, given whether the one before is still to be answered. */
  shouldWait(nowMs: number, { isInFlight }: { isInFlight: boolean }): boolean {
    if (this.#pause > 0 || this.#lastCount < MIN_COMPANIONS) return false;
    if (!isInFlight && this.#missing === 0) return false;
    this.#wait ??= { untilMs: nowMs + Math.min(MAX_WAIT_MS, 2 * this.#entryMs), isOver: false };
    this.#wait.isOver ||= nowMs >= this.#wait.untilMs;
    return !this.#wait.isOver;
  }

  /** An entry with so many writes was proposed. */
  proposed(count: number, nowMs: number): void {
    if (this.#pause > 0) this.#pause -= 1;
    else if (this.#wait !== undefined) this.#judge(this.#wait);
    this.#begin(count);
    this.#proposedAtMs = nowMs;
  }

  /** The entry that was proposed last is about to be answered. */
  applied(nowMs: number): void {
    this.#entryMs = nowMs - this.#proposedAtMs;
  }

  /** Nothing is to be proposed any more, nor will anybody be answered. */
  cancel(): void {
    this.#begin(0);
  }

  #begin(lastCount: number): void {
    this.#round += 1;
    this.#lastCount = lastCount;
    this.#answered = 0;
    this.#missing = 0;
    this.#wait = undefined;
  }

  /** A wait was worth it unless it took all its time and few clients came, be it that none could yet. */
  #judge({ isOver }: { readonly isOver: boolean }): void {
    if (isOver && 4 * this.#missing >= this.#answered) {
      this.#pause = this.#nextPause;
      this.#nextPause = Math.min(MAX_PAUSE_ENTRIES, 2 * this.#nextPause);
    } else this.#nextPause = MIN_PAUSE_ENTRIES;
  }
}
