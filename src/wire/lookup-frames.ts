/** The keys that a client in this process asks for, and the values that a server tells: fields of frames of client traffic. */

import type { ByteReader, ByteSpan } from '../bytes/byte-reader.js';
import type { ByteString } from '../bytes/byte-string.js';
import type { ByteWriter } from '../bytes/byte-writer.js';

/** Each of at most 250 bytes, one character per byte. */
export function writeKeys(batch: ByteWriter, keys: readonly string[]): void {
  batch.u32(keys.length);
  for (const key of keys) {
    batch.u8(key.length);
    batch.latin1(key);
  }
}

export function readKeys(reader: ByteReader): readonly ByteSpan[] {
  const keys: ByteSpan[] = [];
  for (let left = reader.u32(); left > 0; left -= 1) keys.push(reader.span(reader.u8()));
  return keys;
}

export function writeValues(batch: ByteWriter, values: readonly (ByteString | undefined)[]): void {
  batch.u32(values.length);
  for (const value of values) {
    batch.u32(value === undefined ? 0 : value.length + 1);
    if (value !== undefined) batch.text(value);
  }
}

/** As bytes where they lie in the batch. */
export function readValues(reader: ByteReader): readonly (ByteSpan | undefined)[] {
  const values: (ByteSpan | undefined)[] = [];
  for (let left = reader.u32(); left > 0; left -= 1) {
    const length = reader.u32();
    values.push(length === 0 ? undefined : reader.span(length - 1));
  }
  return values;
}
