/**
 * How far the router's connections have got, in an image of the store: written in slices while it changes, and read again.
 *
 * Layout: items (image-items.ts), which are after their kind, for
 *
 * - the start: the bytes that name it;
 * - rows: the number of the first (u32), and for each the connection, its highest place and where its last results are (f64);
 * - a chunk of results: the number of the oldest chunk (f64), and its bytes. They come in their order.
 */

import type { ByteReader } from '../../bytes/byte-reader.js';
import type { ByteWriter } from '../../bytes/byte-writer.js';
import { END, ImageItemError, ItemReader, writeItem } from '../image-items.js';

/** The rows and results of one moment. */
export interface DedupeState {
  readonly start: string;
  readonly connections: Float64Array;
  readonly highest: Float64Array;
  readonly lastRuns: Float64Array;
  readonly oldestChunk: number;
  readonly chunks: readonly Uint8Array[];
}

const Kind = { start: 1, rows: 2, chunk: 3 } as const;
const ROWS_PER_ITEM = 1024;

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
    writeItem(out, () => {
      out.u8(Kind.start);
      out.latin1(this.#state.start);
    });
  }

  #writeRows(out: ByteWriter): void {
    const { connections, highest, lastRuns } = this.#state;
    const end = Math.min(connections.length, this.#row + ROWS_PER_ITEM);
    writeItem(out, () => {
      out.u8(Kind.rows);
      out.u32(this.#row);
      for (; this.#row < end; this.#row += 1)
        for (const numbers of [connections, highest, lastRuns]) out.f64(numbers[this.#row] ?? 0);
    });
  }

  #writeChunk(out: ByteWriter): void {
    const chunk = this.#state.chunks[this.#chunk] ?? new Uint8Array(0);
    this.#chunk += 1;
    writeItem(out, () => {
      out.u8(Kind.chunk);
      out.f64(this.#state.oldestChunk);
      out.bytes(chunk);
    });
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
  readonly #items = new ItemReader((reader, kind) => this.#readItem(reader, kind));

  constructor(visitor: DedupeVisitor) {
    this.#visitor = visitor;
  }

  get isAtEnd(): boolean {
    return this.#items.isAtEnd;
  }

  /** Reads the whole items from this offset on. Returns where it has stopped. Throws ImageItemError or TruncatedBytesError. */
  read(bytes: Buffer, from: number): number {
    return this.#items.read(bytes, from);
  }

  #readItem(reader: ByteReader, kind: number): void {
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
        throw new ImageItemError('connections of the router', kind);
    }
  }
}
