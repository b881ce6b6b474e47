/** Lists of texts of one character per byte: their number (u32), and for each its length (u32) and its bytes. */

import type { ByteReader } from './byte-reader.js';
import type { ByteWriter } from './byte-writer.js';

export function writeTexts(out: ByteWriter, texts: readonly string[]): void {
  out.u32(texts.length);
  for (const text of texts) {
    out.u32(text.length);
    out.latin1(text);
  }
}

/** Throws TruncatedBytesError where the list does not end. */
export function readTexts(reader: ByteReader): string[] {
  const texts: string[] = [];
  for (let count = reader.u32(); count > 0; count -= 1) texts.push(reader.latin1(reader.u32()));
  return texts;
}
