import { type ByteSpan, memoryOf } from '../../src/bytes/byte-reader.js';

/** The bytes where they lie: in memory that holds others before and after them, as one client's bytes do in a batch. */
export function inPlace({ buffer, byteOffset, byteLength }: Uint8Array): ByteSpan {
  return { memory: memoryOf(new Uint8Array(buffer)), start: byteOffset, length: byteLength };
}
