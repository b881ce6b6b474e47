/**
 * How a leader that was removed leaves (thesis 4.2.2): it leads until C_new is committed, without counting itself. Then it takes
 * nothing new, tells all that C_new is committed, waits until all that it has appended is committed and a voter has it, asks that
 * one to campaign, and leads no more. So clients wait for about the time of an election without a timeout.
 */

import type { Core } from './core.js';
import { successorOf } from './leadership-transfer.js';
import type { Leader } from './roles.js';
import { becomeFollower } from './transitions.js';

/** A configuration without this leader is committed. What is not appended yet goes elsewhere. */
export function leave(core: Core, role: Leader): void {
  const deadlineMs = core.nowMs + core.options.electionTimeoutMs;
  role.transfer = { state: 'leaving', deadlineMs, successor: role.transfer.successor };
  // All hear of the commit index, those that were removed, too.
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
