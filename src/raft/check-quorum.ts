/**
 * Check-quorum (thesis 6.2): a leader that does not hear from a majority steps down, so that its clients need not wait.
 */

import type { Core } from './core.js';
import { reachedInForce } from './leader-quorum.js';
import type { Progress } from './progress.js';
import type { Leader } from './roles.js';
import { becomeFollower } from './transitions.js';

/** The latest time by which a majority had been heard, in ms of the leader's clock. */
export function majorityHeardMs(core: Core, role: Leader): number {
  return reachedInForce(core, role, core.nowMs, lastHeardMsOf);
}

/** The leader steps down when no majority was heard for an election timeout. */
export function stepDownWithoutQuorum(core: Core, role: Leader): void {
  const silentMs = core.nowMs - majorityHeardMs(core, role);
  if (silentMs >= core.options.electionTimeoutMs)
    becomeFollower(core, undefined, { type: 'no answers from a majority', silentMs });
}

/** When something was last heard from a follower. */
export function lastHeardMsOf({ lastHeardMs }: Progress): number {
  return lastHeardMs;
}
