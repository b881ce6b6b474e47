/** Bugs that a run of chaos on etcd must find out. */

import type { Edit } from '../support/mutant-copy.js';

export interface Mutant {
  /** What the program would do. */
  readonly name: string;
  readonly edits: readonly Edit[];
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'write without comparing what it has read',
    edits: [
      {
        file: 'etcd/etcd-names.js',
        search: 'call(Commit.txn, { compare, success }, timeoutMs)',
        replacement: 'call(Commit.txn, { success }, timeoutMs)',
      },
    ],
  },
];
