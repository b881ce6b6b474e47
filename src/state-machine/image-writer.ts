/**
 * Writes an image of a store (image.ts) record by record, for whoever has the records and no store: no sessions are in it, and
 * nothing of the router's connections.
 */

import { ByteWriter } from '../bytes/byte-writer.js';
import { END, type Head, writeEnd, writeHead } from './image.js';
import type { RecordContent } from './record.js';
import { Removals } from './removals.js';

const NO_ITEMS = END;

export interface NamedRecord extends RecordContent {
  /** One character per byte. */
  readonly key: string;
  readonly value: string;
}

/** The bytes before the first record. */
export function imageHead(head: Pick<Head, 'clockMs' | 'revisions'>): Uint8Array<ArrayBuffer> {
  const out = new ByteWriter();
  writeHead(out, { ...head, removals: new Removals() });
  // Sessions, and places of the router's connections.
  out.u32(NO_ITEMS);
  out.u32(NO_ITEMS);
  return out.take();
}

/** The bytes of these records, no key of which may come twice. */
export function imageRecords(records: readonly NamedRecord[]): Uint8Array<ArrayBuffer> {
  const out = new ByteWriter();
  for (const { key, value, version, deadlineMs, revision } of records) {
    out.u32(key.length);
    out.u32(value.length);
    out.f64(version);
    out.f64(deadlineMs);
    out.f64(revision);
    out.latin1(key);
    out.latin1(value);
  }
  return out.take();
}

/** The bytes after the last of so many records. */
export function imageEnd(count: number): Uint8Array<ArrayBuffer> {
  const out = new ByteWriter();
  writeEnd(out, count);
  return out.take();
}
