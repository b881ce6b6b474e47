/** By what servers know a repeat of a write that came through the router: see state-machine/router-dedupe/. */

import type { ByteReader } from '../bytes/byte-reader.js';
import type { ByteWriter } from '../bytes/byte-writer.js';

const START_BYTES = 16;

export interface DedupeKey {
  /** The start of the router: 16 random bytes, one character each. */
  readonly start: string;
  /** The connection's row in the table of servers. Another has it only once this one is gone. */
  readonly row: number;
  /** How long its stream is before the assignment's first byte. */
  readonly place: number;
  /** Of the bytes that come next, so many may have been executed by other servers. */
  readonly repeatedBytes: number;
}

/** Bytes of a key in a frame. */
export const DEDUPE_KEY_FRAME_BYTES = START_BYTES + 20;

/** Appends the key. */
export function writeDedupeKey(batch: ByteWriter, { start, row, place, repeatedBytes }: DedupeKey): void {
  batch.latin1(start);
  batch.u32(row);
  batch.f64(place);
  batch.f64(repeatedBytes);
}

/** What {@link writeDedupeKey} wrote. */
export function readDedupeKey(reader: ByteReader): DedupeKey {
  return {
    start: reader.latin1(START_BYTES),
    row: reader.u32(),
    place: reader.f64(),
    repeatedBytes: reader.f64(),
  };
}
