/**
 * How far a quorum of servers has got, as far as the leader knows: along the log, with answers, with rounds of heartbeats. The
 * leader counts itself like any other, and not at all where it has no vote (thesis 4.2.2).
 */

import type { Core } from './core.js';
import type { Progress } from './progress.js';
import { type Quorum, reachedByQuorum } from './quorum.js';
import type { Leader } from './roles.js';

/**
 * The largest value that a quorum of the configuration in force has reached.
 *
 * @param own what this leader itself has reached
 * @param valueIn what another server has reached, as far as the leader knows
 */
export function reachedInForce(
  core: Core,
  role: Leader,
  own: number,
  valueIn: (progress: Progress) => number,
): number {
  return reachedBy(core.quorum, core, role, own, valueIn);
}

/** What this quorum has reached; see {@link reachedInForce}. */
export function reachedBy(
  quorum: Quorum,
  core: Core,
  role: Leader,
  own: number,
  valueIn: (progress: Progress) => number,
): number {
  return reachedByQuorum(quorum, (id) => {
    if (id === core.id) return own;
    const progress = role.progress.get(id);
    return progress === undefined ? Number.NEGATIVE_INFINITY : valueIn(progress);
  });
}
