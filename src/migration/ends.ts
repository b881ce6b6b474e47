/** Where a migration copies from and to. */

import type { RevisionState } from '../state-machine/revisions.js';
import type { MigratedRecord, SumOfRecords } from './record.js';

/** How far a migration is: so many of the source's records are at the target, the last of which has this key. */
export interface Position {
  readonly records: number;
  /** One character per byte; undefined before the first record. */
  readonly lastKey: string | undefined;
}

export const START: Position = { records: 0, lastKey: undefined };

/** What comes before the records of an image. */
export interface SourceHead {
  /** In ms since the epoch: no time before this comes again. */
  readonly clockMs: number;
  readonly revisions: RevisionState;
}

/** Keys that do not change while they are copied. */
export interface Source {
  /** Names what is copied and the state that it is in, in one line. */
  readonly identity: string;
  readonly head: SourceHead;
  /** How many records there are. */
  readonly total: number;
  /** The records after this position, in batches, in an order that is always the same. Each batch comes in a turn of its own. */
  read(after: Position): AsyncIterable<readonly MigratedRecord[]>;
  close(): Promise<void>;
}

/** What an earlier migration to a target has left there. */
export type Found =
  | { readonly state: 'nothing' }
  /** One of this source was begun. */
  | { readonly state: 'begun'; readonly source: string; readonly position: Position }
  /** One of this source was finished. */
  | { readonly state: 'done'; readonly source: string; readonly count: number };

export interface Target {
  /** Looks at what is there. Rejects with MigrationError where the target cannot be used. */
  find(): Promise<Found>;
  /** Begins to take the records of a source, or goes on after `position`. */
  begin(source: Source, position: Position): Promise<void>;
  /** Forgets what an earlier migration has left, which cannot be gone on with. */
  clear(): Promise<void>;
  /**
   * Takes the next records, of which it may leave out what is past its deadline. Some may be kept back until more come, or
   * {@link complete}.
   */
  write(records: readonly MigratedRecord[]): Promise<void>;
  /** All records were written. */
  complete(): Promise<void>;
  /**
   * What is at the target now, read back, and the instant as of which: only what lives then counts.
   */
  readBack(): Promise<ReadBack>;
  /** It was verified: nothing is left of the migration but its result. */
  finish(sum: SumOfRecords): Promise<void>;
  close(): Promise<void>;
}

export interface ReadBack {
  readonly asOfMs: number | undefined;
  readonly records: AsyncIterable<readonly MigratedRecord[]>;
}
