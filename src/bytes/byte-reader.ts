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

/**
 * The same memory as a Buffer and as a view: a Buffer's methods check and wrap their arguments at each call, those of a view
 * are a few instructions.
 */
export interface Memory {
  readonly bytes: Buffer;
  readonly view: DataView;
}

export function memoryOf({ buffer, byteOffset, byteLength }: Uint8Array): Memory {
  return {
    bytes: Buffer.from(buffer, byteOffset, byteLength),
    view: new DataView(buffer, byteOffset, byteLength),
  };
}

/** Bytes that lie among others. A view of them would be an object that costs more than most keys. */
export interface ByteSpan {
  readonly memory: Memory;
  readonly start: number;
  readonly length: number;
}

/** All of the bytes, not copied. */
export function spanOf(bytes: Uint8Array): ByteSpan {
  return { memory: memoryOf(bytes), start: 0, length: bytes.byteLength };
}

/** One character per byte. */
export function textOf({ memory, start, length }: ByteSpan): string {
  return memory.bytes.toString('latin1', start, start + length);
}

export class ByteReader {
  readonly #memory: Memory;
  readonly #buffer: Buffer;
  readonly #view: DataView;
  /** Kept as a number: asking a Buffer for its length is a call. */
  readonly #end: number;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#memory = memoryOf(bytes);
    this.#buffer = this.#memory.bytes;
    this.#view = this.#memory.view;
    this.#end = bytes.byteLength;
  }

  /** Where the next read starts, in bytes from the beginning. */
  get offset(): number {
    return this.#offset;
  }

  /** How many bytes are left. */
  get remaining(): number {
    return this.#end - this.#offset;
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
    // V8 boxes a number that it has read as a float, even a small integer. Most numbers here are small integers.
    const integer = value | 0;
    return integer === value ? integer : value;
  }

  skip(byteCount: number): void {
    this.#advance(byteCount);
  }

  /** The next read starts there again: at an earlier {@link offset}. */
  goBackTo(offset: number): void {
    this.#offset = Math.min(this.#offset, offset);
  }

  /** The next bytes as a view of the input, which stays alive as long as the view does. */
  bytes(byteCount: number): Uint8Array {
    const start = this.#advance(byteCount);
    return this.#buffer.subarray(start, start + byteCount);
  }

  /** Where the next bytes lie, without copying them. */
  span(byteCount: number): ByteSpan {
    return { memory: this.#memory, start: this.#advance(byteCount), length: byteCount };
  }

  /** The next bytes as a string of one character per byte. */
  latin1(byteCount: number): string {
    const start = this.#advance(byteCount);
    return this.#buffer.toString('latin1', start, start + byteCount);
  }

  #advance(byteCount: number): number {
    const start = this.#offset;
    const end = start + byteCount;
    if (end > this.#end) throw new TruncatedBytesError(byteCount, this.remaining);
    this.#offset = end;
    return start;
  }
}
