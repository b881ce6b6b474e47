/** The slots by which servers know what connections of the router have done: see state-machine/marks/. */

import type { Environment } from '../environment.js';
import type { ConnectionMark } from '../wire/connection-mark.js';

const START_BYTES = 16;

export class MarkSlots {
  /** Names this start of the router: random bytes, one character each. */
  readonly start: string;
  readonly #free: number[] = [];
  #count = 0;

  constructor(environment: Pick<Environment, 'random'>) {
    const bytes = Array.from({ length: START_BYTES }, () => Math.floor(256 * environment.random()));
    this.start = String.fromCharCode(...bytes);
  }

  /** A slot that no connection has. */
  take(): number {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    this.#count += 1;
    return this.#count - 1;
  }

  /** The connection that had the slot is gone. */
  giveBack(slot: number): void {
    this.#free.push(slot);
  }
}

/** By what servers know the writes of one connection, and what of its stream lost leaders may have executed. */
export class RoutedMark {
  readonly #slots: MarkSlots;
  readonly #slot: number;
  /** What lies before this offset of the stream may have been executed. */
  #exposedTo = 0;

  constructor(slots: MarkSlots) {
    this.#slots = slots;
    this.#slot = slots.take();
  }

  /** A leader is lost, which may have executed what lies before this offset. */
  lost(streamOffset: number): void {
    this.#exposedTo = Math.max(this.#exposedTo, streamOffset);
  }

  /** Of the stream from this offset on, so many bytes may have been executed. */
  exposedBytes(answeredLength: number): number {
    return Math.max(0, this.#exposedTo - answeredLength);
  }

  /** For an assignment that begins at this offset. */
  opening(answeredLength: number): ConnectionMark {
    const { start } = this.#slots;
    const repeatedBytes = this.exposedBytes(answeredLength);
    return { start, slot: this.#slot, place: answeredLength, repeatedBytes };
  }

  /** The connection is gone. */
  end(): void {
    this.#slots.giveBack(this.#slot);
  }
}
