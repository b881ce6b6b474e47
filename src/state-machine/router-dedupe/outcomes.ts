/**
 * The newest results of writes that came through the router, as bytes in chunks: adding one makes no object.
 *
 * What one connection got in a row is a run: where the connection's run before it begins (f64), the place of its first result
 * (f64), the number of results (u32), and each of them: how much later than the one before its place is (u32), its length (u16),
 * and its bytes (kept-result.ts). Positions count all bytes of all chunks since the first; a run lies in one chunk.
 */

import {
  MAX_OUTCOME_BYTES,
  MAX_OUTCOME_CHUNKS,
  MAX_OUTCOMES_PER_RUN,
  OUTCOME_CHUNK_BYTES,
} from '../../dedupe-limits.js';
import type { CommandResult } from '../../protocol/command.js';
import { encodeResult, resultIn, STORED } from '../sessions/kept-result.js';

/** The position of no run. */
export const NO_RUN = 0;

const RUN_HEADER_BYTES = 20;
const PLACE_AT = 8;
const COUNT_AT = 16;
const RESULT_HEADER_BYTES = 6;
const STORED_BYTES = 9;
/** In place of a length. */
const TOO_LARGE = 0xffff;

/** Bytes at the front of a chunk are never changed once they are written, but for the run that is open. */
export interface Chunk {
  readonly bytes: Buffer;
  readonly view: DataView;
  length: number;
}

export class Outcomes {
  #chunks: Chunk[] = [];
  /** The number of the oldest chunk, from 1 on. */
  #oldest = 1;
  #last: Chunk | undefined;
  /** The open run, its last place and the number of its results. */
  #run = NO_RUN;
  #place = 0;
  #count = 0;
  /** The run of the same connection before it. */
  #previous = NO_RUN;

  /** What there is now, for an image: the chunks must not be changed, but bytes may be added to the last. */
  get chunks(): readonly Chunk[] {
    return this.#chunks;
  }

  get oldest(): number {
    return this.#oldest;
  }

  /** Results of a connection come next, whose last run is this. */
  begin(previous: number): void {
    this.#previous = previous;
  }

  /** Ends the run. Returns where the connection's last run begins. */
  end(): number {
    if (this.#run === NO_RUN) return this.#previous;
    const chunk = this.#last;
    if (chunk !== undefined) chunk.view.setUint32(this.#offsetOf(this.#run) + COUNT_AT, this.#count, true);
    this.#previous = this.#run;
    this.#run = NO_RUN;
    return this.#previous;
  }

  /** Keeps that a write at this place of its stream has stored a value, which has this version now. */
  stored(place: number, version: number): void {
    const { view, length } = this.#chunkFor(place, STORED_BYTES);
    const at = length - STORED_BYTES;
    view.setUint16(at - 2, STORED_BYTES, true);
    view.setUint8(at, STORED);
    view.setFloat64(at + 1, version, true);
  }

  /** Keeps the result of a write at this place, or that it is too long. */
  keep(place: number, result: CommandResult): void {
    const encoded = encodeResult(result, MAX_OUTCOME_BYTES);
    const byteCount = encoded?.byteLength ?? 0;
    const { bytes, view, length } = this.#chunkFor(place, byteCount);
    const at = length - byteCount;
    view.setUint16(at - 2, encoded?.byteLength ?? TOO_LARGE, true);
    if (encoded !== undefined) bytes.set(encoded, at);
  }

  /** The result at this place, in the run that begins there or in those before; undefined if it is not kept any more. */
  find(last: number, place: number): CommandResult | undefined {
    for (let run = last; run !== NO_RUN; ) {
      const chunk = this.#chunks[this.#numberOf(run) - this.#oldest];
      if (chunk === undefined) return undefined;
      const start = this.#offsetOf(run);
      if (chunk.view.getFloat64(start + PLACE_AT, true) <= place) return findIn(chunk, start, place);
      run = chunk.view.getFloat64(start, true);
    }
    return undefined;
  }

  /** Takes a chunk of an image, which come in their order. */
  restore(oldest: number, content: Uint8Array): void {
    this.#oldest = oldest;
    const chunk = newChunk();
    chunk.bytes.set(content);
    chunk.length = content.byteLength;
    this.#chunks.push(chunk);
    this.#last = chunk;
  }

  /** Forgets all results. */
  clear(): void {
    this.#chunks = [];
    this.#oldest = 1;
    this.#last = undefined;
    this.#run = NO_RUN;
    this.#previous = NO_RUN;
  }

  /** The chunk with room at its end for a result of this length, whose length and bytes the caller writes there. */
  #chunkFor(place: number, byteCount: number): Readonly<Chunk> {
    const needed = RESULT_HEADER_BYTES + byteCount;
    let chunk = this.#last;
    if (
      chunk === undefined ||
      this.#run === NO_RUN ||
      chunk.length + needed > OUTCOME_CHUNK_BYTES ||
      this.#count === MAX_OUTCOMES_PER_RUN
    )
      chunk = this.#beginRun(place, needed);
    chunk.view.setUint32(chunk.length, place - this.#place, true);
    chunk.length += needed;
    this.#place = place;
    this.#count += 1;
    return chunk;
  }

  #beginRun(place: number, needed: number): Chunk {
    const previous = this.end();
    let chunk = this.#last;
    if (chunk === undefined || chunk.length + RUN_HEADER_BYTES + needed > OUTCOME_CHUNK_BYTES)
      chunk = this.#addChunk();
    this.#run = (this.#oldest + this.#chunks.length - 1) * OUTCOME_CHUNK_BYTES + chunk.length;
    chunk.view.setFloat64(chunk.length, previous, true);
    chunk.view.setFloat64(chunk.length + PLACE_AT, place, true);
    chunk.view.setUint32(chunk.length + COUNT_AT, 0, true);
    chunk.length += RUN_HEADER_BYTES;
    this.#place = place;
    this.#count = 0;
    return chunk;
  }

  #addChunk(): Chunk {
    const chunk = newChunk();
    this.#chunks.push(chunk);
    this.#last = chunk;
    if (this.#chunks.length > MAX_OUTCOME_CHUNKS) {
      this.#chunks.shift();
      this.#oldest += 1;
    }
    return chunk;
  }

  #numberOf(position: number): number {
    return Math.floor(position / OUTCOME_CHUNK_BYTES);
  }

  #offsetOf(position: number): number {
    return position % OUTCOME_CHUNK_BYTES;
  }
}

function findIn({ bytes, view }: Chunk, start: number, place: number): CommandResult | undefined {
  let at = start + RUN_HEADER_BYTES;
  let found = view.getFloat64(start + PLACE_AT, true);
  for (let left = view.getUint32(start + COUNT_AT, true); left > 0; left -= 1) {
    found += view.getUint32(at, true);
    const length = view.getUint16(at + 4, true);
    const end = at + RESULT_HEADER_BYTES + (length === TOO_LARGE ? 0 : length);
    if (found === place)
      return length === TOO_LARGE
        ? { type: 'result-too-long' }
        : resultIn(bytes.subarray(at + RESULT_HEADER_BYTES, end));
    if (found > place) return undefined;
    at = end;
  }
  return undefined;
}

function newChunk(): Chunk {
  const bytes = Buffer.allocUnsafeSlow(OUTCOME_CHUNK_BYTES);
  return { bytes, view: new DataView(bytes.buffer), length: 0 };
}
