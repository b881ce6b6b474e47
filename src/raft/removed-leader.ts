/**
 * How a leader that was removed leaves (thesis 4.2.2): it leads until C_new is committed, without counting itself. Then it takes
 * nothing new, tells all that C_new is committed, waits until all its entries are committed and a voter has them, asks that
 * voter to campaign, and leads no more. So clients wait for about the time of an election without a timeout.
 */

import type { Core } from './core.js';
import { successorOf } from './leadership-transfer.js';
import type { Leader } from './roles.js';
import { becomeFollower } from './transitions.js';

/** A configuration without this leader is committed. What is not appended yet goes elsewhere. */
export function startLeaving(core: Core, role: Leader): void {
  const deadlineMs = core.nowMs + core.options.electionTimeoutMs;
  role.transfer = { state: 'leaving', deadlineMs, successor: role.transfer.successor };
  // A round tells all servers the commit index, also those that were removed.
  role.reads.needsRound = true;
}

/** Ends a removed leader's lead once a successor has its whole log, and after an election timeout in any case. */
export function finishLeaving(core: Core, role: Leader): void {
  if (role.transfer.state !== 'leaving') return;
  const isAllCommitted = core.commitIndex === core.log.lastIndex;
  const successor = isAllCommitted ? successorOf(core, role) : undefined;
  if (successor === undefined && core.nowMs < role.transfer.deadlineMs) return;
  if (successor !== undefined)
    core.send({ type: 'TimeoutNow', from: core.id, to: successor, term: core.currentTerm });
  becomeFollower(core, undefined, { type: 'removed', successor });
}
