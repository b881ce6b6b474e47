/**
 * Reads front to back what {@link ByteWriter} wrote. Byte strings come out as views: nothing is copied.
 */

/** Thrown when a record ends before its fields do: the bytes were not written by {@link ByteWriter}. */
export class TruncatedBytesError extends RangeError {
  readonly code = 'TRUNCATED_BYTES';

  constructor(wanted: number, left: number) {
    super(`${wanted} more bytes were expected, ${left} are left`);
    this.name = 'TruncatedBytesError';
  }
}

/** Bytes among others, without an object of their own that would cost as much as many a key. */
export interface ByteSpan {
  readonly bytes: Buffer;
  readonly start: number;
  readonly length: number;
}

/** One character per byte. */
export function textOf({ bytes, start, length }: ByteSpan): string {
  return bytes.toString('latin1', start, start + length);
}

export class ByteReader {
  readonly #buffer: Buffer;
  /** The same memory. Its methods are a few instructions each, those of Buffer check and wrap their arguments first. */
  readonly #view: DataView;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Where the next read starts, in bytes from the beginning. */
  get offset(): number {
    return this.#offset;
  }

  /** How many bytes are left. */
  get remaining(): number {
    return this.#buffer.byteLength - this.#offset;
  }

  u8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  u32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }

  /** A 64-bit float. -0 comes out as 0. */
  f64(): number {
    const value = this.#view.getFloat64(this.#advance(8), true);
    // V8 keeps a number that it has read as a float in a box of its own, even a small integer. Most are just that.
    const integer = value | 0;
    return integer === value ? integer : value;
  }

  /** The 32-bit number that stands `distance` bytes ahead, without reading on. Throws RangeError behind the end. */
  peekU32(distance: number): number {
    return this.#view.getUint32(this.#offset + distance, true);
  }

  /** The next bytes as a view of the input, which stays alive as long as the view does. */
  bytes(byteCount: number): Uint8Array {
    const start = this.#advance(byteCount);
    return this.#buffer.subarray(start, start + byteCount);
  }

  /** Where the next bytes are. */
  span(byteCount: number): ByteSpan {
    return { bytes: this.#buffer, start: this.#advance(byteCount), length: byteCount };
  }

  /** The next bytes as a string of one character per byte. */
  latin1(byteCount: number): string {
    const start = this.#advance(byteCount);
    return this.#buffer.toString('latin1', start, start + byteCount);
  }

  #advance(byteCount: number): number {
    const start = this.#offset;
    const end = start + byteCount;
    if (end > this.#buffer.byteLength) throw new TruncatedBytesError(byteCount, this.remaining);
    this.#offset = end;
    return start;
  }
}
