/**
 * When the leader's entries are committed: by a majority, and only entries of the current term (§5.3, §5.4.2).
 */

import type { Core } from './core.js';
import { reachedInForce } from './leader-quorum.js';
import { matchIndexOf } from './progress.js';
import { admitEarlyReads } from './read-index.js';
import type { Leader } from './roles.js';

/**
 * Commits what a majority has on disk, the leader's own disk counted like any other (thesis 10.2.1). Only an entry of the
 * current term is committed by counting, and all before it along with it (§5.4.2, figure 8).
 */
export function commitWhatMajorityHas(core: Core, role: Leader): void {
  const index = reachedInForce(core, role, core.persistence.durableIndex, matchIndexOf);
  if (index <= core.commitIndex || core.log.termAt(index) !== core.currentTerm) return;
  core.commitTo(index);
  countSettled(core, role);
  admitEarlyReads(core, role);
}

/** More of the leader's log is on its own disk, which counts as one of the majority. */
export function countOwnDisk(core: Core): void {
  const { role } = core;
  if (role.name !== 'leader') return;
  commitWhatMajorityHas(core, role);
  countSettled(core, role);
}

/** What is committed and on the leader's own disk, too, may leave its memory, and counts no more. */
function countSettled(core: Core, role: Leader): void {
  const index = Math.min(core.commitIndex, core.persistence.durableIndex);
  if (index <= role.settledIndex) return;
  role.unsettledBytes -= core.log.payloadBytes(role.settledIndex + 1, index);
  role.settledIndex = index;
}
