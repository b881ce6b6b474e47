/** Where those who watch are told of changes from: the applied state, or etcd. */

import type { History } from '../../state-machine/history.js';
import type { KeyWalk } from '../../state-machine/key-image.js';
import type { KeyRecord } from '../../state-machine/key-record.js';

export interface ChangeStore {
  readonly history: Pick<
    History,
    'first' | 'firstKept' | 'keepsFrom' | 'visit' | 'keepParts' | 'keepNoParts'
  >;
  /** The last one that can be told. */
  readonly lastRevision: number;
  get(key: string): KeyRecord | undefined;
  walk(): KeyWalk;
}

export interface ChangeSource {
  /** Another one after a snapshot was installed. */
  readonly store: ChangeStore;
  /** The last revision that nothing can take back. */
  readonly revisionAtEntry: number;
  /** Reads the state page by page; without it, it is that of the store. */
  readonly statePages?: StatePages;
  /** Whether the changes from that revision on are there, if they can be had at all; else they may come later. */
  prepare?(revision: number): boolean;
}

/** Reads the keys with a prefix as of a revision, in the order of their bytes. */
export interface StatePages {
  /** Those after a key, or the first; undefined, and nobody can have them, where that revision is no longer kept. */
  read(prefix: string, after: string | undefined, revision: number): Promise<StatePage | undefined>;
  /** A page has come that was waited for. */
  readonly onRead: () => void;
}

export interface StatePage {
  readonly records: readonly (readonly [key: string, record: KeyRecord])[];
  readonly hasMore: boolean;
}
