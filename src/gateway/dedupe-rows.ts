/** The router's connections in the table by which servers know what is done: see state-machine/router-dedupe/. */

import type { Environment } from '../environment.js';
import type { DedupeKey } from '../wire/dedupe-key.js';

const START_BYTES = 16;

export class DedupeRows {
  /** Names this start of the router: random bytes, one character each. */
  readonly start: string;
  readonly #free: number[] = [];
  #count = 0;

  constructor(environment: Pick<Environment, 'random'>) {
    const bytes = Array.from({ length: START_BYTES }, () => Math.floor(256 * environment.random()));
    this.start = String.fromCharCode(...bytes);
  }

  /** A row that no connection has. */
  take(): number {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    this.#count += 1;
    return this.#count - 1;
  }

  /** The connection that had the row is gone. */
  giveBack(row: number): void {
    this.#free.push(row);
  }
}

/** By what servers know the writes of one connection, and what of its stream lost leaders may have executed. */
export class DedupeRow {
  readonly #rows: DedupeRows;
  readonly #row: number;
  /** What lies before this offset of the stream may have been executed. */
  #exposedTo = 0;

  constructor(rows: DedupeRows) {
    this.#rows = rows;
    this.#row = rows.take();
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
  opening(answeredLength: number): DedupeKey {
    const { start } = this.#rows;
    const repeatedBytes = this.exposedBytes(answeredLength);
    return { start, row: this.#row, place: answeredLength, repeatedBytes };
  }

  /** The connection is gone. */
  end(): void {
    this.#rows.giveBack(this.#row);
  }
}
