/**
 * The whole state of a store as bytes: written in slices while the store goes on serving, and read again.
 *
 * Layout, in the order of the bytes: the format (u8), the store's clock (f64, ms since the epoch), the two numbers of
 * {@link RevisionState} (f64 each; missing before format 4), the counts of {@link Removals} (missing in format 1), the
 * clients' sessions (see sessions-image.ts; missing in formats 1 and 2), the router's places (see dedupe-image.ts; missing before
 * format 5), and the records, each in the layout of the
 * {@link RecordTable} (without a revision before format 4). At the end stand {@link END} in place of a key's length, and the
 * number of records (f64).
 */

import { ByteReader, memoryOf } from '../bytes/byte-reader.js';
import { ByteWriter } from '../bytes/byte-writer.js';
import type { ImageObserver } from './key-image.js';
import type { EncodedRecord, KeptRecord } from './record.js';
import type { RecordId } from './record-id.js';
import { RECORD_HEADER_BYTES, REVISION_AT } from './record-layout.js';
import type { RecordTable } from './record-table.js';
import { REMOVALS_BYTES, type Removals } from './removals.js';
import { type RevisionState, restored } from './revisions.js';
import { type DedupeImage, DedupeReader, type DedupeVisitor } from './router-dedupe/dedupe-image.js';
import { type SessionsImage, SessionsReader, type SessionsVisitor } from './sessions/sessions-image.js';

const FORMAT = 5;
/** The formats without counts of removals, without sessions, without revisions, and without the router's places. All are read. */
const FIRST_FORMAT = 1;
const SESSIONLESS_FORMAT = 2;
const REVISIONLESS_FORMAT = 3;
const FORMAT_WITHOUT_DEDUPE = 4;
/** In place of a key's length: no record follows. */
export const END = 0xffffffff;

const REVISIONS_AT = 9;
const REVISIONS_BYTES = 16;
const TRAILER_BYTES = 12;

function headerBytes(format: number): number {
  const revisions = format <= REVISIONLESS_FORMAT ? 0 : REVISIONS_BYTES;
  return REVISIONS_AT + revisions + (format === FIRST_FORMAT ? 0 : REMOVALS_BYTES);
}

/** A slice looks at no more ids than this, whether they are in use or not. */
const MAX_IDS_PER_SLICE = 4096;

/** The bytes are no image of a store, or only a part of an image. */
export class ImageError extends Error {
  readonly code = 'BAD_IMAGE';

  constructor(reason: string) {
    super(`this is no image of a store: ${reason}`);
    this.name = 'ImageError';
  }
}

/** What comes before the records. */
export interface Head {
  readonly clockMs: number;
  readonly revisions: RevisionState;
  readonly removals: Removals;
  readonly sessions: SessionsImage;
  readonly dedupe: DedupeImage;
}

/** Writes what comes before the sessions. */
export function writeHead(
  out: ByteWriter,
  { clockMs, revisions, removals }: Pick<Head, 'clockMs' | 'revisions' | 'removals'>,
): void {
  out.u8(FORMAT);
  out.f64(clockMs);
  out.f64(revisions.last);
  out.f64(revisions.uncounted);
  removals.writeTo(out);
}

/** Writes what comes after the last of so many records. */
export function writeEnd(out: ByteWriter, count: number): void {
  out.u32(END);
  out.f64(count);
}

/**
 * A store's state as of one moment, while the store changes.
 *
 * It goes through the records by their ids. Before a record is changed whose turn has not come, the image keeps a copy of
 * it. All others are read from the store itself when their turn comes.
 */
export class StoreImage implements ImageObserver {
  readonly #records: RecordTable;
  readonly #head: Head;
  readonly #onEnd: () => void;
  readonly #out = new ByteWriter();
  /** One more than the last id of the image. */
  readonly #idLimit: RecordId;
  /** The old records of ids whose turn has not come and whose record has changed; undefined for an id that was unused. */
  readonly #kept = new Map<RecordId, KeptRecord | undefined>();
  #state: 'header' | 'sessions' | 'dedupe' | 'records' | 'ended' = 'header';
  #nextId: RecordId = 0;
  #count = 0;

  /** @internal Made by {@link KeyValueStore.image}. */
  constructor(records: RecordTable, head: Head, onEnd: () => void) {
    this.#records = records;
    this.#idLimit = records.idLimit;
    this.#head = { ...head, removals: head.removals.copy() };
    this.#onEnd = onEnd;
  }

  /** @internal A record is about to be changed or removed. */
  beforeChange(id: RecordId): void {
    if (this.#isToCome(id) && !this.#kept.has(id)) this.#kept.set(id, this.#records.keep(id));
  }

  /** @internal A record came into being. */
  added(id: RecordId): void {
    if (this.#isToCome(id) && !this.#kept.has(id)) this.#kept.set(id, undefined);
  }

  /**
   * About `byteCount` more bytes of the image: at least 1, and at most one record or item more than that, and the header the
   * first time. Undefined at its end.
   */
  next(byteCount: number): Uint8Array<ArrayBuffer> | undefined {
    if (this.#state === 'ended') return undefined;
    if (this.#state === 'header') {
      writeHead(this.#out, this.#head);
      this.#state = 'sessions';
    }
    if (this.#state === 'sessions') {
      if (this.#head.sessions.write(this.#out, byteCount)) this.#state = 'dedupe';
      return this.#out.take();
    }
    if (this.#state === 'dedupe') {
      if (this.#head.dedupe.write(this.#out, byteCount)) this.#state = 'records';
      return this.#out.take();
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
    for (const kept of this.#kept.values()) if (kept !== undefined) this.#records.drop(kept);
    this.#kept.clear();
    this.#onEnd();
  }

  #isToCome(id: RecordId): boolean {
    return id >= this.#nextId && id < this.#idLimit;
  }

  #fill(byteCount: number): void {
    for (let looked = 0; looked < MAX_IDS_PER_SLICE && this.#out.length < byteCount; looked += 1) {
      if (this.#nextId === this.#idLimit) {
        writeEnd(this.#out, this.#count);
        this.close();
        return;
      }
      this.#write(this.#nextId);
      this.#nextId += 1;
    }
  }

  #write(id: RecordId): void {
    if (!this.#kept.has(id)) {
      if (!this.#records.has(id)) return;
      this.#records.writeTo(this.#out, id);
    } else {
      const kept = this.#kept.get(id);
      this.#kept.delete(id);
      if (kept === undefined) return;
      this.#records.writeKept(this.#out, kept);
      this.#records.drop(kept);
    }
    this.#count += 1;
  }
}

/** Receives what an image holds. */
export interface ImageVisitor {
  /** The first call. */
  clock(clockMs: number): void;
  /** Comes next, unless the image has none. */
  revisions(state: RevisionState): void;
  /** Comes next, unless the image has none. The reader is at the counts of {@link Removals}, and reads them or not. */
  removals(reader: ByteReader): void;
  /** What the image's sessions are told to, before the first record. */
  readonly sessions: SessionsVisitor;
  /** What the image says of the router's connections is told to this, after the sessions. */
  readonly dedupe: DedupeVisitor;
  /** The bytes may change afterwards. */
  record(record: EncodedRecord): void;
}

/** Reads an image from pieces of any size. */
export class ImageReader {
  readonly #visitor: ImageVisitor;
  readonly #sessions: SessionsReader;
  readonly #dedupe: DedupeReader;
  #hasDedupe = true;
  #rest: Uint8Array = new Uint8Array(0);
  #state: 'header' | 'sessions' | 'dedupe' | 'records' | 'ended' = 'header';
  #count = 0;
  #recordHeaderBytes = RECORD_HEADER_BYTES;

  constructor(visitor: ImageVisitor) {
    this.#visitor = visitor;
    this.#sessions = new SessionsReader(visitor.sessions);
    this.#dedupe = new DedupeReader(visitor.dedupe);
  }

  /**
   * The next piece of the image, which may be overwritten afterwards. Throws {@link ImageError}, or for a part of it
   * ImageItemError or TruncatedBytesError.
   */
  push(piece: Uint8Array): void {
    const bytes = Buffer.concat([this.#rest, piece]);
    let end = this.#state === 'header' ? this.#readHeader(bytes) : 0;
    if (this.#state === 'sessions') end = this.#readSessions(bytes, end);
    if (this.#state === 'dedupe') end = this.#readDedupe(bytes, end);
    if (this.#state === 'records') end = this.#readRecords(bytes, end);
    this.#rest = Uint8Array.from(bytes.subarray(end));
    if (this.#state === 'ended' && this.#rest.byteLength > 0) throw new ImageError('bytes follow its end');
  }

  /** There are no more pieces. Throws {@link ImageError} when there should be. */
  end(): void {
    if (this.#state !== 'ended') throw new ImageError('its end is missing');
  }

  /** Reads the header if all of it is there, and says where it ends. */
  #readHeader(bytes: Buffer): number {
    const [format] = bytes;
    if (format === undefined) return 0;
    if (format < FIRST_FORMAT || format > FORMAT)
      throw new ImageError(
        `its format is ${format}, and this program reads formats up to ${FORMAT}: use the version that made it`,
      );
    const byteCount = headerBytes(format);
    if (bytes.byteLength < byteCount) return 0;
    const reader = new ByteReader(bytes);
    reader.skip(1);
    this.#visitor.clock(reader.f64());
    if (format <= REVISIONLESS_FORMAT) this.#recordHeaderBytes = REVISION_AT;
    else this.#visitor.revisions({ last: reader.f64(), uncounted: reader.f64() });
    if (format !== FIRST_FORMAT) this.#visitor.removals(reader);
    this.#hasDedupe = format > FORMAT_WITHOUT_DEDUPE;
    this.#state = format <= SESSIONLESS_FORMAT ? 'records' : 'sessions';
    return byteCount;
  }

  #readSessions(bytes: Buffer, from: number): number {
    const end = this.#sessions.read(bytes, from);
    if (this.#sessions.isAtEnd) this.#state = this.#hasDedupe ? 'dedupe' : 'records';
    return end;
  }

  #readDedupe(bytes: Buffer, from: number): number {
    const end = this.#dedupe.read(bytes, from);
    if (this.#dedupe.isAtEnd) this.#state = 'records';
    return end;
  }

  /** Reads the records that are there as a whole, and the trailer after the last. Returns where it has stopped. */
  #readRecords(bytes: Buffer, from: number): number {
    const memory = memoryOf(bytes);
    const { view } = memory;
    for (let start = from; ; ) {
      const left = bytes.byteLength - start;
      if (left < TRAILER_BYTES) return start;
      const keyLength = view.getUint32(start, true);
      if (keyLength === END) {
        this.#readTrailer(view.getFloat64(start + 4, true));
        return start + TRAILER_BYTES;
      }
      const valueLength = view.getUint32(start + 4, true);
      const byteCount = this.#recordHeaderBytes + keyLength + valueLength;
      if (left < byteCount) return start;
      this.#count += 1;
      if (this.#recordHeaderBytes === RECORD_HEADER_BYTES)
        this.#visitor.record({ memory, start, keyLength, valueLength });
      else {
        const withRevision = memoryOf(addRevision(bytes.subarray(start, start + byteCount)));
        this.#visitor.record({ memory: withRevision, start: 0, keyLength, valueLength });
      }
      start += byteCount;
    }
  }

  #readTrailer(count: number): void {
    if (count !== this.#count) throw new ImageError(`it holds ${this.#count} records, its end says ${count}`);
    this.#state = 'ended';
  }
}

/** A record of a format without revisions, as a record with the revision 0. */
function addRevision(record: Buffer): Buffer {
  const revision = Buffer.alloc(RECORD_HEADER_BYTES - REVISION_AT);
  return Buffer.concat([record.subarray(0, REVISION_AT), revision, record.subarray(REVISION_AT)]);
}

/**
 * The image in a backup, in pieces of any size, as the image of a new cluster's state: the header says that revisions begin
 * anew, see {@link restored}. The pieces may be changed.
 */
export class RestoredImage {
  #header = Buffer.alloc(0);
  #isHeaderPast = false;

  /** The next piece, or nothing until the header is there as a whole. */
  push(piece: Uint8Array): Uint8Array {
    if (this.#isHeaderPast) return piece;
    this.#header = Buffer.concat([this.#header, piece]);
    const format = this.#header[0] ?? 0;
    if (format > REVISIONLESS_FORMAT) {
      if (this.#header.byteLength < REVISIONS_AT + REVISIONS_BYTES) return new Uint8Array(0);
      const { last, uncounted } = restored({
        last: this.#header.readDoubleLE(REVISIONS_AT),
        uncounted: this.#header.readDoubleLE(REVISIONS_AT + 8),
      });
      this.#header.writeDoubleLE(last, REVISIONS_AT);
      this.#header.writeDoubleLE(uncounted, REVISIONS_AT + 8);
    }
    this.#isHeaderPast = true;
    return this.#header;
  }
}
