/** By what servers know the writes of a connection of the router: see state-machine/marks/. */

import type { ByteReader } from '../bytes/byte-reader.js';
import type { ByteWriter } from '../bytes/byte-writer.js';

const START_BYTES = 16;

export interface ConnectionMark {
  /** The start of the router: 16 random bytes, one character each. */
  readonly start: string;
  /** The connection's slot. Another has it only once this one is gone. */
  readonly slot: number;
  /** How long its stream is before the assignment's first byte. */
  readonly place: number;
  /** Of the bytes that come next, so many may have been executed by other servers. */
  readonly repeatedBytes: number;
}

/** Bytes of a mark in a frame. */
export const MARK_FRAME_BYTES = START_BYTES + 20;

/** Appends the mark. */
export function writeMark(batch: ByteWriter, { start, slot, place, repeatedBytes }: ConnectionMark): void {
  batch.latin1(start);
  batch.u32(slot);
  batch.f64(place);
  batch.f64(repeatedBytes);
}

/** What {@link writeMark} wrote. */
export function readMark(reader: ByteReader): ConnectionMark {
  return {
    start: reader.latin1(START_BYTES),
    slot: reader.u32(),
    place: reader.f64(),
    repeatedBytes: reader.f64(),
  };
}
