/**
 * Group commit: when a small entry waits a moment so that more writes can join it.
 *
 * Clients that wait for each reply ask again as soon as they have it, so those whose writes were in one entry come back
 * together. If what the others ask meanwhile is proposed at once, the clients fall into groups, each with entries of its own,
 * and a small entry costs about as much as a large one. So a small entry waits until the one before is answered and its
 * clients are back, but no longer than {@link MAX_DELAY_MS} or two entries take. Where clients do not come back in that
 * time, it is tried ever more rarely.
 */

/** After an entry with fewer writes, the next one is not delayed. */
const MIN_EXPECTED_WRITES = 8;
const MAX_DELAY_MS = 1;
/** After a delay in vain this number of entries is not delayed, and twice as many after the next. */
const MIN_PAUSE_ENTRIES = 8;
const MAX_PAUSE_ENTRIES = 4096;

/** A client whose writes are answered. */
export interface ReturningClient {
  /** The round of {@link GroupCommitDelay} in which it was answered and is expected back; 0 for none. */
  expectedInRound: number;
}

export class GroupCommitDelay {
  /** Counts the entries. */
  #round = 1;
  /** Writes in the last entry. */
  #lastCount = 0;
  #proposedAtMs = 0;
  /** How long the last entry took. */
  #entryMs = 0;
  /** Clients that were answered since the last entry was proposed. */
  #answered = 0;
  #missing = 0;
  /** When the delay of the next entry ends at the latest; undefined unless it has begun. */
  #untilMs: number | undefined;
  /** How many of the next entries are not delayed. */
  #pause = 0;
  #nextPause = MIN_PAUSE_ENTRIES;

  /** When the next entry is to be proposed at the latest; undefined when it is not delayed at this time. */
  deadlineMs(nowMs: number): number | undefined {
    return this.#untilMs !== undefined && nowMs < this.#untilMs ? this.#untilMs : undefined;
  }

  /** A write of the client was answered. */
  answered(client: ReturningClient): void {
    if (client.expectedInRound === this.#round) return;
    client.expectedInRound = this.#round;
    this.#answered += 1;
    this.#missing += 1;
  }

  /** The client sends something, or is gone. */
  cameBack(client: ReturningClient): void {
    if (client.expectedInRound !== this.#round) return;
    client.expectedInRound = 0;
    this.#missing -= 1;
  }

  /**
   * There is a small entry to propose: delays it if that is worth it, given whether the one before is still to be
   * answered. Returns whether it is delayed now.
   */
  delay(nowMs: number, { isInFlight }: { readonly isInFlight: boolean }): boolean {
    if (this.#pause > 0 || this.#lastCount < MIN_EXPECTED_WRITES) return false;
    if (!isInFlight && this.#missing === 0) return false;
    this.#untilMs ??= nowMs + Math.min(MAX_DELAY_MS, 2 * this.#entryMs);
    return nowMs < this.#untilMs;
  }

  /** An entry with `count` writes was proposed. */
  proposed(count: number, nowMs: number): void {
    if (this.#pause > 0) this.#pause -= 1;
    else if (this.#untilMs !== undefined) this.#judge({ isOver: nowMs >= this.#untilMs });
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
    this.#untilMs = undefined;
  }

  /**
   * A delay counts as wasted if it ran to its limit and at least a quarter of the expected clients were still missing, or none
   * were expected yet.
   */
  #judge({ isOver }: { readonly isOver: boolean }): void {
    if (isOver && 4 * this.#missing >= this.#answered) {
      this.#pause = this.#nextPause;
      this.#nextPause = Math.min(MAX_PAUSE_ENTRIES, 2 * this.#nextPause);
    } else this.#nextPause = MIN_PAUSE_ENTRIES;
  }
}
