/**
 * The reads that a leader has not confirmed yet, in the order in which they came in.
 */

import type { LogIndex } from './types.js';

export interface WaitingRead {
  readonly readId: number;
  readonly index: LogIndex;
  /** An answer to this round, or a later one, from a majority confirms the read. */
  readonly round: number;
}

export class ReadQueue {
  /** Came in before the leader's first own entry was committed. */
  #early: number[] = [];
  /** Wait for a round of heartbeats; rounds do not decrease along the queue. */
  #waiting: WaitingRead[] = [];
  /** A read waits for a round that was not sent yet. */
  needsRound = false;

  addEarly(readId: number): void {
    this.#early.push(readId);
  }

  takeEarly(): readonly number[] {
    const early = this.#early;
    this.#early = [];
    return early;
  }

  add(read: WaitingRead): void {
    this.#waiting.push(read);
    this.needsRound = true;
  }

  /** Removes and returns the reads which are confirmed once a majority answered `round`. */
  takeConfirmed(round: number): readonly WaitingRead[] {
    const end = this.#waiting.findIndex((read) => read.round > round);
    return this.#waiting.splice(0, end === -1 ? this.#waiting.length : end);
  }

  /** Removes and returns every read's id. */
  takeAll(): readonly number[] {
    const all = [...this.takeEarly(), ...this.#waiting.map((read) => read.readId)];
    this.#waiting = [];
    this.needsRound = false;
    return all;
  }
}
