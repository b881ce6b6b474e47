/**
 * The reads that a leader has not confirmed yet, in the order in which they came in.
 */

import type { LogIndex, ServerId } from './types.js';

/** Where the confirmation of a read goes: to this server's driver, or to a follower that has asked. */
export type Reader =
  | { readonly type: 'driver'; readonly readId: number }
  | { readonly type: 'follower'; readonly id: ServerId; readonly request: number };

export interface WaitingRead {
  readonly reader: Reader;
  readonly index: LogIndex;
  /** An answer to this round, or a later one, from a majority confirms the read. */
  readonly round: number;
}

export class ReadQueue {
  /** Came in before the leader's first own entry was committed. */
  #early: Reader[] = [];
  /** Wait for a round of heartbeats; rounds do not decrease along the queue. */
  #waiting: WaitingRead[] = [];
  /** A read waits for a round that was not sent yet. */
  needsRound = false;

  addEarly(reader: Reader): void {
    this.#early.push(reader);
  }

  takeEarly(): readonly Reader[] {
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

  /** Removes every read, and returns the ids of the driver's. A follower asks again. */
  takeAll(): readonly number[] {
    const all = [...this.takeEarly(), ...this.#waiting.map(({ reader }) => reader)];
    this.#waiting = [];
    this.needsRound = false;
    return all.flatMap((reader) => (reader.type === 'driver' ? [reader.readId] : []));
  }
}
