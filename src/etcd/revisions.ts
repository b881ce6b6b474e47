/** A change's revision as clients are told it: etcd's, and the number of changes before it in its transaction. */

import { REVISIONS_PER_TXN } from '../etcd-limits.js';

export function revisionOf(modRevision: number, ordinal: number): number {
  return modRevision * REVISIONS_PER_TXN + ordinal;
}

/** etcd's revision of a change. */
export function modRevisionOf(revision: number): number {
  return Math.floor(revision / REVISIONS_PER_TXN);
}

/** The last revision that a change of this revision of etcd may have. */
export function lastRevisionOf(modRevision: number): number {
  return revisionOf(modRevision, REVISIONS_PER_TXN - 1);
}
