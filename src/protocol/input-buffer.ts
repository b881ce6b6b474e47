/**
 * The unread bytes of a client's stream: those of one packet where they lie, or a copy of several in a row.
 */

const EMPTY = Buffer.alloc(0);

/** Memory of so many times what is unread may be held for it, and so many bytes besides. */
const MAX_HELD_FACTOR = 4;
const MAX_HELD_BESIDES_BYTES = 4 * 1024;

export class InputBuffer {
  bytes: Buffer = EMPTY;
  /** Unread bytes are in [start, end) of {@link bytes}. */
  start = 0;
  end = 0;
  /** The bytes are this buffer's own, so more may be added behind the end. */
  #isOwn = false;

  get byteLength(): number {
    return this.end - this.start;
  }

  /** Adds bytes behind the unread ones. They must not change until they were read. */
  push(bytes: Uint8Array): void {
    const unread = this.byteLength;
    if (unread === 0) {
      this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      this.start = 0;
      this.end = bytes.byteLength;
      this.#isOwn = false;
      return;
    }
    if (!this.#isOwn || this.bytes.byteLength - this.end < bytes.byteLength)
      this.#hold(Buffer.allocUnsafeSlow(2 * (unread + bytes.byteLength)), unread);
    this.bytes.set(bytes, this.end);
    this.end += bytes.byteLength;
  }

  /**
   * Lets go of memory that is held for few bytes: a packet is a view of a batch of many clients' bytes, which would stay
   * for as long as this one has nothing more to say. To be called when nothing can be read before more comes.
   */
  settle(): void {
    const unread = this.byteLength;
    if (unread === 0) this.#hold(EMPTY, 0);
    else if (this.bytes.buffer.byteLength > MAX_HELD_FACTOR * unread + MAX_HELD_BESIDES_BYTES)
      this.#hold(Buffer.allocUnsafeSlow(2 * unread), unread);
  }

  /** Moves the unread bytes to the beginning of other memory, which is this buffer's own. */
  #hold(bytes: Buffer, unread: number): void {
    this.bytes.copy(bytes, 0, this.start, this.end);
    this.bytes = bytes;
    this.start = 0;
    this.end = unread;
    this.#isOwn = true;
  }
}
