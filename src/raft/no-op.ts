/**
 * The no-op entry of a new leader: the first of its term, with an empty payload (§8; thesis 6.4).
 *
 * A leader commits no entry of an earlier term by counting (§5.4.2), so without new writes what earlier leaders left would
 * stay uncommitted. Once the no-op is committed, so is all before it, and the leader knows what is committed: until then its
 * reads wait.
 */

import type { Core } from './core.js';
import type { Leader } from './roles.js';
import type { LogIndex } from './types.js';

const EMPTY = new Uint8Array(0);

/** Appends the no-op to the log of a server that begins to lead. Returns its index. */
export function appendNoOp({ log, currentTerm }: Core): LogIndex {
  log.append({ index: log.lastIndex + 1, term: currentTerm, payload: EMPTY });
  return log.lastIndex;
}

/** Whether the leader's no-op is committed, so that it may answer reads. */
export function isNoOpCommitted(core: Core, { noOpIndex }: Leader): boolean {
  return core.commitIndex >= noOpIndex;
}
