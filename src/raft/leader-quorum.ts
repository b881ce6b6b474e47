/**
 * What a leader knows to be so for a quorum: of the log, of answers, of rounds. It counts itself like any other, and not at all
 * where it has no vote (thesis 4.2.2).
 */

import type { Core } from './core.js';
import type { Progress } from './progress.js';
import { reachedByQuorum } from './quorum.js';
import type { Leader } from './roles.js';

/**
 * The largest value that a quorum of the configuration in force has reached.
 *
 * @param own what this leader itself has reached
 * @param reachedBy what another server has reached, as far as the leader knows
 */
export function reachedInForce(
  core: Core,
  role: Leader,
  own: number,
  reachedBy: (progress: Progress) => number,
): number {
  return reachedByQuorum(core.quorum, (id) => {
    if (id === core.id) return own;
    const progress = role.progress.get(id);
    return progress === undefined ? Number.NEGATIVE_INFINITY : reachedBy(progress);
  });
}
