/**
 * The unread bytes of a client's stream: those of one packet where they lie, or a copy of several in a row.
 */

import { type ByteSpan, type Memory, memoryOf } from '../bytes/byte-reader.js';
import { allocateMapped, MAPPED_PAGE_BYTES } from '../bytes/mapped-memory.js';

const EMPTY = memoryOf(new Uint8Array(0));

/** Limits of the memory kept for unread bytes: a multiple of their length, plus a number of bytes. */
const MAX_HELD_FACTOR = 4;
const MAX_HELD_BESIDES_BYTES = 4 * 1024;

export class InputBuffer {
  memory: Memory = EMPTY;
  /** Unread bytes are in [start, end) of {@link memory}. */
  start = 0;
  end = 0;
  /** The memory is this buffer's own, so more may be added after the end. */
  #isOwn = false;
  /** What is unread waits, for longer than it takes to read it: see {@link wait}. */
  #waits = false;

  get bytes(): Buffer {
    return this.memory.bytes;
  }

  get byteLength(): number {
    return this.end - this.start;
  }

  /** Adds bytes after the unread ones. They must not change until they are read. */
  push({ memory, start, length }: ByteSpan): void {
    const unread = this.byteLength;
    if (unread === 0) {
      this.memory = memory;
      this.start = start;
      this.end = start + length;
      this.#isOwn = false;
      this.#waits = false;
      return;
    }
    if (!this.#isOwn || this.bytes.byteLength - this.end < length)
      this.#hold(this.#ofOwn(2 * (unread + length)), unread);
    memory.bytes.copy(this.bytes, this.end, start, start + length);
    this.end += length;
  }

  /**
   * Lets go of memory that is held for few bytes: a packet lies in a batch of many clients' bytes, all of which would stay
   * until this client sends more. To be called when nothing can be read before more comes.
   */
  settle(): void {
    const unread = this.byteLength;
    if (unread === 0) this.#hold(EMPTY, 0);
    else if (this.bytes.buffer.byteLength > MAX_HELD_FACTOR * unread + MAX_HELD_BESIDES_BYTES)
      this.#hold(this.#ofOwn(2 * unread), unread);
  }

  /** As {@link settle}, when the bytes that were pushed change from now on: those that are unread are copied. */
  keep(): void {
    const unread = this.byteLength;
    if (unread > 0 && !this.#isOwn) this.#hold(this.#ofOwn(2 * unread), unread);
    else this.settle();
  }

  /** As {@link settle}: nothing is read for a while. If much waits, the operating system gets its memory back after that. */
  wait(): void {
    this.#waits = true;
    this.settle();
  }

  #ofOwn(byteCount: number): Memory {
    const isMapped = this.#waits && byteCount >= MAPPED_PAGE_BYTES;
    return memoryOf(isMapped ? allocateMapped(byteCount) : Buffer.allocUnsafeSlow(byteCount));
  }

  /** Moves the unread bytes to the beginning of other memory, which is this buffer's own. */
  #hold(memory: Memory, unread: number): void {
    this.bytes.copy(memory.bytes, 0, this.start, this.end);
    this.memory = memory;
    this.start = 0;
    this.end = unread;
    this.#isOwn = true;
  }
}
