/**
 * Where entries are in the segments. A sparse index: a place about every 64 KiB; from there, the reader scans frame by frame.
 *
 * Between a place and the next one in the same segment, or the end of the segment, are all entries from the first place's index
 * up to the next place's, as the log has them now, and perhaps entries that later ones replaced. An entry that replaces others
 * removes the places from its index on.
 */

import type { LogIndex } from '../raft/types.js';

/** A shorter stretch gets no place of its own. */
const PLACE_EVERY_BYTES = 64 * 1024;

interface Place {
  /** The segment's number. */
  readonly segment: number;
  /** Where a frame with entries starts, and the index of the first of them. */
  readonly offset: number;
  readonly index: LogIndex;
}

/** Frames one after the other. */
export interface Stretch {
  readonly segment: number;
  readonly start: number;
  /** Undefined for the end of the segment. */
  readonly end: number | undefined;
  /** What the log has from here on is not in it; infinity when it goes on to the log's end. */
  readonly before: LogIndex;
}

export class LogPlaces {
  /** In the order of the log, in which their indexes rise. */
  #places: Place[] = [];

  /** A frame was written at the end of the newest segment; `index` is the index of its first entry. */
  note(segment: number, offset: number, index: LogIndex): void {
    let last = this.#places.at(-1);
    while (last !== undefined && last.index >= index) {
      this.#places.pop();
      last = this.#places.at(-1);
    }
    if (last?.segment === segment && offset - last.offset < PLACE_EVERY_BYTES) return;
    this.#places.push({ segment, offset, index });
  }

  /** The stretch that has this entry, unless it is in a segment that was dropped or beyond the log's end. */
  stretchWith(index: LogIndex): Stretch | undefined {
    const at = this.#places.findLastIndex((place) => place.index <= index);
    const place = this.#places[at];
    if (place === undefined) return undefined;
    const next = this.#places[at + 1];
    return {
      segment: place.segment,
      start: place.offset,
      end: next?.segment === place.segment ? next.offset : undefined,
      before: next?.index ?? Number.POSITIVE_INFINITY,
    };
  }

  /** The segments before this one are gone. */
  dropBefore(segment: number): void {
    this.#places = this.#places.filter((place) => place.segment >= segment);
  }
}
