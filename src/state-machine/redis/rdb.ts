/**
 * A string in the format of Redis's dumps: a type, the string in one of several encodings, the format's version, and a
 * checksum of all that.
 */

import { parseInteger } from '../../protocol/resp/numbers.js';
import { crc64 } from './crc64.js';

const STRING = 0;
/** The version that is written: Redis 5 and later read it. Strings have been the same since the first. */
const VERSION = 9;
/** The latest version that is read: the version of Redis 8. */
const LATEST_VERSION = 12;
const FOOTER_BYTES = 10;

/** The two highest bits of a length's first byte. */
const Length = { bits6: 0, bits14: 1, long: 2, encoded: 3 } as const;
const LENGTH_32 = 0x80;
const LENGTH_64 = 0x81;

/** The encoding, in the other bits of an encoded length. */
const Encoding = { int8: 0, int16: 1, int32: 2, lzf: 3 } as const;

/** Redis writes a short integer as a number. */
const MAX_INTEGER_CHARS = 11;
const MIN_INT32 = -(2n ** 31n);
const MAX_INT32 = 2n ** 31n - 1n;

/** One character per byte. */
export function dumpString(value: string): string {
  const content = Buffer.concat([Buffer.of(STRING), encoded(value), Buffer.of(VERSION, 0)]);
  return Buffer.concat([content, crc64(content)]).toString('latin1');
}

function encoded(value: string): Buffer {
  const integer = value.length <= MAX_INTEGER_CHARS ? parseInteger(value) : undefined;
  if (integer !== undefined && integer >= MIN_INT32 && integer <= MAX_INT32)
    return encodedInteger(Number(integer));
  return Buffer.concat([encodedLength(value.length), Buffer.from(value, 'latin1')]);
}

function encodedInteger(integer: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes.writeInt32LE(integer, 1);
  const fits = (bits: number) => integer >= -(2 ** (bits - 1)) && integer < 2 ** (bits - 1);
  const [encoding, byteCount] = fits(8)
    ? [Encoding.int8, 1]
    : fits(16)
      ? [Encoding.int16, 2]
      : [Encoding.int32, 4];
  bytes[0] = (Length.encoded << 6) | encoding;
  return bytes.subarray(0, 1 + byteCount);
}

function encodedLength(length: number): Buffer {
  if (length < 2 ** 6) return Buffer.of(length);
  if (length < 2 ** 14) return Buffer.of((Length.bits14 << 6) | (length >> 8), length & 0xff);
  const bytes = Buffer.alloc(5);
  bytes[0] = LENGTH_32;
  bytes.writeUInt32BE(length, 1);
  return bytes;
}

/** The string, or why there is none: a wrong checksum or a later version, another type or bytes that make no sense, its size. */
export type Restored =
  | { readonly value: string }
  | { readonly failure: 'wrong checksum' | 'bad format' | 'too long' };

/**
 * @param dump one character per byte
 * @param maxBytes the length of the longest string that there may be
 */
export function restoreString(dump: string, maxBytes: number): Restored {
  const bytes = Buffer.from(dump, 'latin1');
  const contentEnd = bytes.length - FOOTER_BYTES;
  if (contentEnd < 0) return { failure: 'wrong checksum' };
  const version = bytes.readUInt16LE(contentEnd);
  const checksum = bytes.subarray(contentEnd + 2);
  if (version > LATEST_VERSION || !crc64(bytes.subarray(0, contentEnd + 2)).equals(checksum))
    return { failure: 'wrong checksum' };
  if (bytes[0] !== STRING) return { failure: 'bad format' };
  const reader = new Reader(bytes.subarray(1, contentEnd));
  const value = readString(reader, maxBytes);
  return value === undefined || (typeof value === 'string' && reader.left > 0)
    ? { failure: 'bad format' }
    : typeof value === 'string'
      ? { value }
      : { failure: 'too long' };
}

const TOO_LONG = Symbol('too long');

function readString(reader: Reader, maxBytes: number): string | typeof TOO_LONG | undefined {
  const first = reader.byte();
  if (first === undefined) return undefined;
  if (first >> 6 === Length.encoded) return readEncoded(reader, first & 0x3f, maxBytes);
  const length = readLength(reader, first);
  if (length === undefined) return undefined;
  if (length > maxBytes) return TOO_LONG;
  return reader.bytes(length)?.toString('latin1');
}

function readEncoded(
  reader: Reader,
  encoding: number,
  maxBytes: number,
): string | typeof TOO_LONG | undefined {
  switch (encoding) {
    case Encoding.int8:
      return reader.bytes(1)?.readInt8().toString();
    case Encoding.int16:
      return reader.bytes(2)?.readInt16LE().toString();
    case Encoding.int32:
      return reader.bytes(4)?.readInt32LE().toString();
    case Encoding.lzf: {
      const compressedLength = readPlainLength(reader);
      const length = readPlainLength(reader);
      if (compressedLength === undefined || length === undefined) return undefined;
      if (length > maxBytes) return TOO_LONG;
      const compressed = reader.bytes(compressedLength);
      return compressed === undefined ? undefined : decompressed(compressed, length)?.toString('latin1');
    }
    default:
      return undefined;
  }
}

function readPlainLength(reader: Reader): number | undefined {
  const first = reader.byte();
  return first === undefined || first >> 6 === Length.encoded ? undefined : readLength(reader, first);
}

function readLength(reader: Reader, first: number): number | undefined {
  switch (first >> 6) {
    case Length.bits6:
      return first & 0x3f;
    case Length.bits14: {
      const second = reader.byte();
      return second === undefined ? undefined : ((first & 0x3f) << 8) | second;
    }
    default: {
      if (first === LENGTH_32) return reader.bytes(4)?.readUInt32BE();
      const long = first === LENGTH_64 ? reader.bytes(8)?.readBigUInt64BE() : undefined;
      return long === undefined ? undefined : Number(long);
    }
  }
}

/** Decompresses LZF; undefined if the result does not have that length, or the bytes make no sense. */
function decompressed(compressed: Buffer, length: number): Buffer | undefined {
  const out = Buffer.alloc(length);
  let written = 0;
  for (let at = 0; at < compressed.length; ) {
    const control = compressed[at] ?? 0;
    at += 1;
    if (control < 32) {
      const count = control + 1;
      if (at + count > compressed.length || written + count > length) return undefined;
      compressed.copy(out, written, at, at + count);
      at += count;
      written += count;
      continue;
    }
    let count = control >> 5;
    if (count === 7) {
      count += compressed[at] ?? 0;
      at += 1;
    }
    const back = ((control & 0x1f) << 8) | (compressed[at] ?? 0);
    at += 1;
    count += 2;
    let from = written - back - 1;
    if (at > compressed.length || from < 0 || written + count > length) return undefined;
    for (; count > 0; count -= 1) {
      out[written] = out[from] ?? 0;
      written += 1;
      from += 1;
    }
  }
  return written === length ? out : undefined;
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  byte(): number | undefined {
    return this.bytes(1)?.[0];
  }

  /** The next bytes; undefined if fewer are left. */
  bytes(count: number): Buffer | undefined {
    if (count > this.left) return undefined;
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }
}
