/**
 * No write that came through the router is executed twice: how far each of the router's connections has got is part of the
 * replicated state.
 *
 * The router sends again what a lost leader has not answered, and a write that was done is not done again: a command's place,
 * where it ends in its connection's stream, names it for good, and the places of a connection are applied in rising order alone.
 * One at or under the highest is a repeat, and gets the result that it had.
 *
 * A connection has a row of its own while it lasts, and the next one in the row takes it over. Connections are numbered, so
 * what comes late of one that is gone is never executed. Another start of the router forgets all rows.
 */

import type { CommandResult } from '../../protocol/command.js';
import { DedupeImage, type DedupeState } from './dedupe-image.js';
import { NO_RUN, Outcomes } from './outcomes.js';

const NO_ROW = -1;

/** Room for rows, at first. */
const INITIAL_ROWS = 64;

export class RouterDedupe {
  /** The start of the router that the rows are of, one character per byte; empty before the first. */
  #start = '';
  /** By row: the connection that has it, or 0; the highest place that was applied; where its last results are. */
  #connections = new Float64Array(INITIAL_ROWS);
  #highest = new Float64Array(INITIAL_ROWS);
  #lastRuns = new Float64Array(INITIAL_ROWS);
  /** One more than the highest row in use. */
  #rowCount = 0;
  readonly #outcomes = new Outcomes();
  /** Whose commands come next, if they are a connection's, and the place of its last one. */
  #row = NO_ROW;
  #place = 0;
  /** How much later the next one is. */
  #stride = 0;
  /** The places of the connection that are not executed any more. */
  #repeatedTo = 0;

  /** Commands that follow are those of this start of the router. */
  begin(start: string): void {
    if (start === this.#start) return;
    this.#start = start;
    this.#connections.fill(0);
    this.#highest.fill(0);
    this.#lastRuns.fill(NO_RUN);
    this.#rowCount = 0;
    this.#outcomes.clear();
  }

  /** The next command is that of a connection at this place. Ends what was before. */
  beginRun(row: number, connection: number, place: number): void {
    this.endRun();
    if (row >= this.#rowCount) this.#growTo(row + 1);
    const owner = this.#connections[row] ?? 0;
    this.#place = place;
    this.#stride = 0;
    if (owner > connection) {
      this.#repeatedTo = Number.POSITIVE_INFINITY;
      return;
    }
    if (owner < connection) this.#give(row, connection);
    this.#row = row;
    this.#repeatedTo = this.#highest[row] ?? 0;
    this.#outcomes.begin(this.#lastRuns[row] ?? NO_RUN);
  }

  /** Each command until further notice is that much later in its stream than the one before. */
  setStride(stride: number): void {
    this.#stride = stride;
  }

  /** The commands that follow are no connection's. */
  endRun(): void {
    if (this.#row !== NO_ROW) this.#lastRuns[this.#row] = this.#outcomes.end();
    this.#row = NO_ROW;
  }

  /** Whether the next command was executed before, or is not to be. */
  get isRepeat(): boolean {
    return this.#place + this.#stride <= this.#repeatedTo;
  }

  /** The next command was executed, and has stored a value with this version. */
  stored(version: number): void {
    this.#place += this.#stride;
    this.#highest[this.#row] = this.#place;
    this.#outcomes.stored(this.#place, version);
  }

  /** The next command was executed, with this result. */
  executed(result: CommandResult): void {
    this.#place += this.#stride;
    this.#highest[this.#row] = this.#place;
    this.#outcomes.keep(this.#place, result);
  }

  /** The next command, a repeat, was passed over. */
  passedOver(): void {
    this.#place += this.#stride;
  }

  /** What came of the next command, a repeat, when it was executed. */
  get earlierResult(): CommandResult {
    if (this.#row === NO_ROW) return { type: 'result-unknown' };
    const last = this.#lastRuns[this.#row] ?? NO_RUN;
    return this.#outcomes.find(last, this.#place + this.#stride) ?? { type: 'result-unknown' };
  }

  /** The highest place of this connection that was applied. */
  highestPlaceOf(row: number, connection: number): number {
    return this.#connections[row] === connection ? (this.#highest[row] ?? 0) : 0;
  }

  /** All of it as it is now, to be written while it changes; in a backup there is nothing of it. Not within a run. */
  image({ isBackup }: { readonly isBackup: boolean }): DedupeImage {
    if (isBackup) return new DedupeImage(NOTHING);
    return new DedupeImage({
      start: this.#start,
      connections: this.#connections.slice(0, this.#rowCount),
      highest: this.#highest.slice(0, this.#rowCount),
      lastRuns: this.#lastRuns.slice(0, this.#rowCount),
      oldestChunk: this.#outcomes.oldest,
      chunks: this.#outcomes.chunks.map(({ bytes, length }) => bytes.subarray(0, length)),
    });
  }

  /** @internal Takes what an image says of all. */
  restoreStart(start: string): void {
    this.#start = start;
  }

  /** @internal Takes a row of an image. */
  restoreRow(row: number, connection: number, highest: number, lastRun: number): void {
    this.#growTo(row + 1);
    this.#connections[row] = connection;
    this.#highest[row] = highest;
    this.#lastRuns[row] = lastRun;
  }

  /** @internal Takes results of an image. */
  restoreChunk(oldest: number, content: Uint8Array): void {
    this.#outcomes.restore(oldest, content);
  }

  #give(row: number, connection: number): void {
    this.#connections[row] = connection;
    this.#highest[row] = 0;
    this.#lastRuns[row] = NO_RUN;
  }

  #growTo(rowCount: number): void {
    this.#rowCount = Math.max(this.#rowCount, rowCount);
    if (rowCount <= this.#connections.length) return;
    const room = Math.max(rowCount, 2 * this.#connections.length);
    this.#connections = grown(this.#connections, room);
    this.#highest = grown(this.#highest, room);
    this.#lastRuns = grown(this.#lastRuns, room);
  }
}

const NOTHING: DedupeState = {
  start: '',
  connections: new Float64Array(0),
  highest: new Float64Array(0),
  lastRuns: new Float64Array(0),
  oldestChunk: 1,
  chunks: [],
};

function grown(numbers: Float64Array<ArrayBuffer>, room: number): Float64Array<ArrayBuffer> {
  const longer = new Float64Array(room);
  longer.set(numbers);
  return longer;
}
