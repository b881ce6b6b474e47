/**
 * How far the router's connections have got, in an image of the store: written in slices while it changes, and read again.
 *
 * Layout: items, each its length (u32) and: its kind (u8), and for
 *
 * - the start: the bytes that name it;
 * - rows: the number of the first (u32), and for each the connection, its highest place and where its last results are (f64);
 * - a chunk of results: the number of the oldest chunk (f64), and its bytes. They come in their order.
 *
 * {@link END} in place of a length is the end.
 */

import { ByteReader } from '../../bytes/byte-reader.js';
import type { ByteWriter } from '../../bytes/byte-writer.js';

/** The rows and results of one moment. */
export interface DedupeState {
  readonly start: string;
  readonly connections: Float64Array;
  readonly highest: Float64Array;
  readonly lastRuns: Float64Array;
  readonly oldestChunk: number;
  readonly chunks: readonly Uint8Array[];
}

const END = 0xffffffff;
const ITEM_HEADER_BYTES = 4;
const Kind = { start: 1, rows: 2, chunk: 3 } as const;
const ROWS_PER_ITEM = 1024;
const ROW_BYTES = 24;

/** The bytes are no item that this version of the program writes. */
export class DedupeItemError extends Error {
  readonly code = 'BAD_DEDUPE_ITEM';

  constructor(kind: number) {
    super(`an item of what a store knows of the router has an unknown kind, ${kind}`);
    this.name = 'DedupeItemError';
  }
}

export class DedupeImage {
  readonly #state: DedupeState;
  #isBegun = false;
  #row = 0;
  #chunk = 0;

  constructor(state: DedupeState) {
    this.#state = state;
  }

  /** Appends about `byteCount` more bytes, and one item at least, or fewer at the end. Returns whether all is written. */
  write(out: ByteWriter, byteCount: number): boolean {
    const { length } = out;
    do {
      if (!this.#isBegun) this.#writeStart(out);
      else if (this.#row < this.#state.connections.length) this.#writeRows(out);
      else if (this.#chunk < this.#state.chunks.length) this.#writeChunk(out);
      else {
        out.u32(END);
        return true;
      }
    } while (out.length - length < byteCount);
    return false;
  }

  #writeStart(out: ByteWriter): void {
    this.#isBegun = true;
    out.u32(1 + this.#state.start.length);
    out.u8(Kind.start);
    out.latin1(this.#state.start);
  }

  #writeRows(out: ByteWriter): void {
    const { connections, highest, lastRuns } = this.#state;
    const end = Math.min(connections.length, this.#row + ROWS_PER_ITEM);
    out.u32(1 + 4 + (end - this.#row) * ROW_BYTES);
    out.u8(Kind.rows);
    out.u32(this.#row);
    for (; this.#row < end; this.#row += 1)
      for (const numbers of [connections, highest, lastRuns]) out.f64(numbers[this.#row] ?? 0);
  }

  #writeChunk(out: ByteWriter): void {
    const chunk = this.#state.chunks[this.#chunk] ?? new Uint8Array(0);
    this.#chunk += 1;
    out.u32(1 + 8 + chunk.byteLength);
    out.u8(Kind.chunk);
    out.f64(this.#state.oldestChunk);
    out.bytes(chunk);
  }
}

/** Receives what a {@link DedupeReader} finds. */
export interface DedupeVisitor {
  restoreStart(start: string): void;
  restoreRow(row: number, connection: number, highest: number, lastRun: number): void;
  restoreChunk(oldest: number, content: Uint8Array): void;
}

/** Reads the items from pieces of any size. */
export class DedupeReader {
  readonly #visitor: DedupeVisitor;
  isAtEnd = false;

  constructor(visitor: DedupeVisitor) {
    this.#visitor = visitor;
  }

  /** Reads the whole items from this offset on. Returns where it has stopped. Throws {@link DedupeItemError}. */
  read(bytes: Buffer, from: number): number {
    let start = from;
    while (!this.isAtEnd && bytes.byteLength - start >= ITEM_HEADER_BYTES) {
      const length = bytes.readUInt32LE(start);
      const end = start + ITEM_HEADER_BYTES + (length === END ? 0 : length);
      if (end > bytes.byteLength) break;
      if (length === END) this.isAtEnd = true;
      else this.#readItem(bytes.subarray(start + ITEM_HEADER_BYTES, end));
      start = end;
    }
    return start;
  }

  #readItem(item: Buffer): void {
    const reader = new ByteReader(item);
    const kind = reader.u8();
    switch (kind) {
      case Kind.start:
        this.#visitor.restoreStart(reader.latin1(reader.remaining));
        return;
      case Kind.rows:
        for (let row = reader.u32(); reader.remaining > 0; row += 1)
          this.#visitor.restoreRow(row, reader.f64(), reader.f64(), reader.f64());
        return;
      case Kind.chunk:
        this.#visitor.restoreChunk(reader.f64(), reader.bytes(reader.remaining));
        return;
      default:
        throw new DedupeItemError(kind);
    }
  }
}
