/**
 * The whole state of a store as bytes: written in slices while the store goes on serving, and read again.
 *
 * Layout, in the order of the bytes: the format (u8), the store's clock (f64, ms since the epoch), and for each key its
 * length (u32), its bytes, the version (f64), the deadline (f64, ms since the epoch, 0 for never), the value's length
 * (u32) and its bytes. At the end stands the length {@link END} in place of a key's, and the number of records (f64); a
 * key that was overwritten while the image was made may be among them twice, both times the same.
 */

import { ByteReader } from '../bytes/byte-reader.js';
import { ByteWriter } from '../bytes/byte-writer.js';
import type { KeyRecord } from './key-value-store.js';

const FORMAT = 1;
const END = 0xffffffff;

const HEADER_BYTES = 9;
const TRAILER_BYTES = 12;
/** Of a record, what is not key or value. */
const RECORD_FIXED_BYTES = 24;
const LENGTH_BYTES = 4;

/** A slice looks at no more keys than this, whether they come into it or not. */
const MAX_KEYS_PER_SLICE = 4096;

/** The bytes are no image of a store, or not all of one. */
export class ImageError extends Error {
  readonly code = 'BAD_IMAGE';

  constructor(reason: string) {
    super(`this is no image of a store: ${reason}`);
    this.name = 'ImageError';
  }
}

/**
 * A store's state as of one moment, while the store changes.
 *
 * Records are never changed, only replaced. So whoever changes a key says first what it held, and the image keeps that
 * for later; everything else can be read from the store itself, whenever its turn comes.
 */
export class StoreImage {
  readonly #keys: Iterator<[string, KeyRecord]>;
  readonly #clockMs: number;
  readonly #onEnd: () => void;
  readonly #out = new ByteWriter();
  /** What the keys held that have changed since; undefined for those that did not exist. */
  readonly #before = new Map<string, KeyRecord | undefined>();
  #earlier: Iterator<[string, KeyRecord | undefined]> | undefined;
  #state: 'header' | 'unchanged' | 'changed' | 'ended' = 'header';
  #count = 0;

  /** @internal Made by {@link KeyValueStore.image}. */
  constructor(records: ReadonlyMap<string, KeyRecord>, clockMs: number, onEnd: () => void) {
    this.#keys = records.entries();
    this.#clockMs = clockMs;
    this.#onEnd = onEnd;
  }

  /** @internal The key is about to be changed for the first time or again; `record` is what it holds. */
  beforeChange(key: string, record: KeyRecord | undefined): void {
    if (!this.#before.has(key)) this.#before.set(key, record);
  }

  /** About `byteCount` more bytes of the image: not fewer than 1, and no more than that and one record. Undefined at its end. */
  next(byteCount: number): Uint8Array<ArrayBuffer> | undefined {
    if (this.#state === 'ended') return undefined;
    if (this.#state === 'header') {
      this.#out.u8(FORMAT);
      this.#out.f64(this.#clockMs);
      this.#state = 'unchanged';
    }
    do {
      this.#fill(byteCount);
    } while (this.#out.length === 0);
    return this.#out.take();
  }

  /** Forgets what the image has kept. Nothing more comes of it. */
  close(): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#before.clear();
    this.#onEnd();
  }

  #fill(byteCount: number): void {
    for (let looked = 0; looked < MAX_KEYS_PER_SLICE && this.#out.length < byteCount; looked += 1) {
      if (this.#state === 'unchanged') this.#nextUnchanged();
      else if (this.#state === 'changed') this.#nextChanged();
      else return;
    }
  }

  #nextUnchanged(): void {
    const next = this.#keys.next();
    const [key, record] = next.done === true ? [] : next.value;
    if (key === undefined || record === undefined || this.#isNew(key)) {
      // A map is gone through in the order in which its keys came, so behind a new key there are only such.
      this.#state = 'changed';
      this.#earlier = this.#before.entries();
      return;
    }
    if (!this.#before.has(key)) this.#write(key, record);
  }

  #isNew(key: string): boolean {
    return this.#before.has(key) && this.#before.get(key) === undefined;
  }

  #nextChanged(): void {
    const next = this.#earlier?.next();
    if (next === undefined || next.done === true) {
      this.#out.u32(END);
      this.#out.f64(this.#count);
      this.close();
      return;
    }
    const [key, record] = next.value;
    if (record !== undefined) this.#write(key, record);
  }

  #write(key: string, { value, version, deadlineMs }: KeyRecord): void {
    this.#count += 1;
    this.#out.u32(key.length);
    this.#out.latin1(key);
    this.#out.f64(version);
    this.#out.f64(deadlineMs);
    this.#out.u32(value.length);
    this.#out.latin1(value);
  }
}

/** Takes what an image holds. */
export interface ImageVisitor {
  /** Comes first. */
  clock(clockMs: number): void;
  record(key: string, record: KeyRecord): void;
}

/** Reads an image from pieces of any size. */
export class ImageReader {
  readonly #visitor: ImageVisitor;
  #rest: Uint8Array = new Uint8Array(0);
  #state: 'header' | 'records' | 'ended' = 'header';
  #count = 0;

  constructor(visitor: ImageVisitor) {
    this.#visitor = visitor;
  }

  /** The next piece of the image. Throws {@link ImageError}. */
  push(piece: Uint8Array): void {
    const bytes = this.#rest.byteLength === 0 ? piece : Buffer.concat([this.#rest, piece]);
    const reader = new ByteReader(bytes);
    while (this.#readNext(reader)) {}
    this.#rest = bytes.subarray(reader.offset);
    if (this.#state === 'ended' && reader.remaining > 0) throw new ImageError('bytes follow its end');
  }

  /** There are no more pieces. Throws {@link ImageError} when there should be. */
  end(): void {
    if (this.#state !== 'ended') throw new ImageError('its end is missing');
  }

  /** Reads the next part if all of it is there, and says whether it was. */
  #readNext(reader: ByteReader): boolean {
    switch (this.#state) {
      case 'header':
        return this.#readHeader(reader);
      case 'records':
        return this.#readRecord(reader);
      case 'ended':
        return false;
    }
  }

  #readHeader(reader: ByteReader): boolean {
    if (reader.remaining < HEADER_BYTES) return false;
    const format = reader.u8();
    if (format !== FORMAT) throw new ImageError(`its format is ${format}, not ${FORMAT}`);
    this.#visitor.clock(reader.f64());
    this.#state = 'records';
    return true;
  }

  #readRecord(reader: ByteReader): boolean {
    const { remaining } = reader;
    if (remaining < TRAILER_BYTES) return false;
    const keyLength = reader.peekU32(0);
    if (keyLength === END) {
      this.#readTrailer(reader);
      return true;
    }
    const valueLengthAt = RECORD_FIXED_BYTES - LENGTH_BYTES + keyLength;
    if (remaining < valueLengthAt + LENGTH_BYTES) return false;
    if (remaining < RECORD_FIXED_BYTES + keyLength + reader.peekU32(valueLengthAt)) return false;
    this.#count += 1;
    const key = reader.latin1(reader.u32());
    const version = reader.f64();
    const deadlineMs = reader.f64();
    this.#visitor.record(key, { value: reader.latin1(reader.u32()), version, deadlineMs });
    return true;
  }

  #readTrailer(reader: ByteReader): void {
    reader.u32();
    const count = reader.f64();
    if (count !== this.#count) throw new ImageError(`it holds ${this.#count} records, its end says ${count}`);
    this.#state = 'ended';
  }
}
