/**
 * What a transaction has changed so far, so that all of it can be taken back.
 */

import type { DeadlineHeap } from './deadline-heap.js';
import type { ImageObserver } from './key-image.js';
import type { KeptRecord, OverwrittenPart } from './record.js';
import type { RecordTable } from './record-table.js';

/** All keys of a store, and the images of it that hear of changes. */
export interface Table {
  readonly records: RecordTable;
  readonly deadlines: DeadlineHeap;
  readonly images: Set<ImageObserver>;
}

/** What was changed, and how it was before. */
export type Change =
  | { readonly type: 'added'; readonly key: string }
  /** The key was removed, or stored anew. */
  | {
      readonly type: 'replaced';
      readonly key: string;
      readonly kept: KeptRecord;
      readonly records: RecordTable;
    }
  | {
      readonly type: 'deadline';
      readonly key: string;
      readonly deadlineMs: number;
      readonly revision: number;
    }
  | { readonly type: 'part'; readonly key: string; readonly before: OverwrittenPart }
  | { readonly type: 'cleared'; readonly table: Table };

export class UndoLog {
  readonly #changes: Change[] = [];
  /** The last revision before the changes. */
  readonly lastRevision: number;

  constructor(lastRevision: number) {
    this.lastRevision = lastRevision;
  }

  add(change: Change): void {
    this.#changes.push(change);
  }

  /** The last change, which is forgotten. */
  takeLast(): Change | undefined {
    return this.#changes.pop();
  }
}

/** Frees what was kept to undo the change. */
export function forget(change: Change): void {
  if (change.type === 'replaced') change.records.drop(change.kept);
}
