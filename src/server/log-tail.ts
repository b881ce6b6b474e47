/**
 * Where a log is to begin so that it keeps a tail of entries before a snapshot: a follower that was away for a moment then needs
 * no snapshot. It is known to a sixteenth of the tail's length.
 */

import type { LogPosition } from '../raft/types.js';

const MARKS_PER_TAIL = 16;

interface Mark extends LogPosition {
  /** Bytes of all entries up to this one. */
  readonly bytes: number;
}

export class LogTail {
  readonly #tailBytes: number;
  #marks: Mark[] = [];
  #bytes = 0;

  /** @param tailBytes how long the tail is */
  constructor(tailBytes: number) {
    this.#tailBytes = tailBytes;
  }

  /** Bytes of all entries so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The log goes on with this entry of `byteLength` bytes. */
  add({ index, term }: LogPosition, byteLength: number): void {
    this.#bytes += byteLength;
    const lastBytes = this.#marks.at(-1)?.bytes ?? 0;
    if (this.#bytes - lastBytes >= this.#tailBytes / MARKS_PER_TAIL)
      this.#marks.push({ index, term, bytes: this.#bytes });
  }

  /**
   * Where the tail begins that ends with the entry after which there were `bytes` bytes: `end` itself when nothing is known of
   * earlier ones. Forgets what is before it.
   */
  startBefore(end: LogPosition, bytes: number): LogPosition {
    this.#marks = this.#marks.filter((mark) => mark.bytes >= bytes - this.#tailBytes);
    const [first] = this.#marks;
    return first === undefined || first.index > end.index ? end : { index: first.index, term: first.term };
  }
}
