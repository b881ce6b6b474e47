/**
 * The unread bytes of a client's stream: those of one packet where they lie, or a copy of several in a row.
 */

const EMPTY = Buffer.alloc(0);

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
    if (!this.#isOwn || this.bytes.byteLength - this.end < bytes.byteLength) {
      const grown = Buffer.allocUnsafeSlow(2 * (unread + bytes.byteLength));
      this.bytes.copy(grown, 0, this.start, this.end);
      this.bytes = grown;
      this.start = 0;
      this.end = unread;
      this.#isOwn = true;
    }
    this.bytes.set(bytes, this.end);
    this.end += bytes.byteLength;
  }
}
