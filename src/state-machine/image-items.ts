/**
 * Items, of which a part of an image consists that is neither header nor record: each its length (u32), its kind (u8), and what
 * there is of that kind. {@link END} in place of a length is the end of the part.
 */

import { ByteReader } from '../bytes/byte-reader.js';
import type { ByteWriter } from '../bytes/byte-writer.js';

/** In place of a length: no more items come. */
export const END = 0xffffffff;

const ITEM_HEADER_BYTES = 4;

/** The bytes are no item that this version of the program writes. */
export class ImageItemError extends Error {
  readonly code = 'BAD_IMAGE_ITEM';

  /** @param part what the items tell of, as `sessions` */
  constructor(part: string, kind: number) {
    super(`an item of a store's ${part} has an unknown kind, ${kind}`);
    this.name = 'ImageItemError';
  }
}

/** Appends an item of what `write` appends, the kind first. */
export function writeItem(out: ByteWriter, write: () => void): void {
  const start = out.length;
  out.u32(0);
  write();
  out.patchU32(start, out.length - start - ITEM_HEADER_BYTES);
}

/** Reads the items of one part from pieces of any size. */
export class ItemReader {
  readonly #readItem: (reader: ByteReader, kind: number) => void;
  isAtEnd = false;

  /** @param readItem given each item, after its kind */
  constructor(readItem: (reader: ByteReader, kind: number) => void) {
    this.#readItem = readItem;
  }

  /** Reads the whole items from this offset on. Returns where it has stopped. Throws what the reading of an item throws. */
  read(bytes: Buffer, from: number): number {
    let start = from;
    while (!this.isAtEnd && bytes.byteLength - start >= ITEM_HEADER_BYTES) {
      const length = bytes.readUInt32LE(start);
      const end = start + ITEM_HEADER_BYTES + (length === END ? 0 : length);
      if (end > bytes.byteLength) break;
      if (length === END) this.isAtEnd = true;
      else {
        const reader = new ByteReader(bytes.subarray(start + ITEM_HEADER_BYTES, end));
        this.#readItem(reader, reader.u8());
      }
      start = end;
    }
    return start;
  }
}
