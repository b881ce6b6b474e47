/** What a record table is given, and what it gives. */

import type { Memory } from '../bytes/byte-reader.js';
import type { ByteString } from '../bytes/byte-string.js';
import type { Address } from './slabs.js';

/** What a key holds. The value is copied. */
export interface RecordContent {
  readonly value: ByteString;
  readonly version: number;
  /** In ms since the epoch; 0 for never. */
  readonly deadlineMs: number;
  /** Of the change that made it so; 0 from before revisions were counted. */
  readonly revision: number;
}

/** A record outside the table, in the table's layout. */
export interface EncodedRecord {
  readonly memory: Memory;
  /** The byte at which it begins. */
  readonly start: number;
  readonly keyLength: number;
  readonly valueLength: number;
}

/** A copy of a record. */
export interface KeptRecord {
  readonly address: Address;
  readonly large: ByteString | undefined;
}

/** What changes along with a part of a value. */
export type PartMeta = Pick<RecordContent, 'version' | 'revision'>;

/** A part of a large value before it was overwritten, with the length, version and revision of that time. */
export interface OverwrittenPart extends PartMeta {
  readonly offset: number;
  readonly part: string;
  readonly length: number;
}
