/**
 * How a record lies in memory, which is as it stands in an image of the store: in the order of the bytes, the key's length
 * (u32), the value's length (u32), version (f64), deadline (f64, ms since the epoch, 0 for never), the revision of its last
 * change (f64, 0 for one from before revisions were counted), all little-endian, the key's bytes, the value's bytes. Only a
 * large value lies elsewhere, see {@link LargeValues}.
 */

import { type ByteSpan, type Memory, textOf } from '../bytes/byte-reader.js';
import type { ByteString } from '../bytes/byte-string.js';
import type { RecordContent } from './record.js';

/** Length of what comes before a record's key. */
export const RECORD_HEADER_BYTES = 32;
export const VALUE_LENGTH_AT = 4;
export const VERSION_AT = 8;
export const DEADLINE_AT = 16;
export const REVISION_AT = 24;

/** Larger values are kept apart from their records, see {@link LargeValues}. */
export const MAX_INLINE_VALUE_BYTES = 4096;

export function isLarge(valueLength: number): boolean {
  return valueLength > MAX_INLINE_VALUE_BYTES;
}

/** Bytes of the slot of a record with these lengths; a large value lies elsewhere. */
export function inlineBytes(keyLength: number, valueLength: number): number {
  return RECORD_HEADER_BYTES + keyLength + (isLarge(valueLength) ? 0 : valueLength);
}

export function keySpan(memory: Memory, recordStart: number, length: number): ByteSpan {
  return { memory, start: recordStart + RECORD_HEADER_BYTES, length };
}

/** What the record at this place holds, given its value if that is large. */
export function contentAt(memory: Memory, start: number, large: ByteString | undefined): RecordContent {
  const { view } = memory;
  const valueAt = start + RECORD_HEADER_BYTES + view.getUint32(start, true);
  return {
    value: large ?? textOf({ memory, start: valueAt, length: view.getUint32(start + VALUE_LENGTH_AT, true) }),
    version: view.getFloat64(start + VERSION_AT, true),
    deadlineMs: view.getFloat64(start + DEADLINE_AT, true),
    revision: view.getFloat64(start + REVISION_AT, true),
  };
}
