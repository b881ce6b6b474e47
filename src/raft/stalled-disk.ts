/**
 * A server whose own disk is stalled: it gives no answer and no error, since it hangs, or waits for space or descriptors.
 *
 * Nothing is lost by it, since nothing is acknowledged that is not on the disk. But such a leader proposes nothing more, so it
 * hands over (thesis 3.10) once others can go on without it. Such a server does not campaign: it could not write its own vote.
 * A leader stays if its followers' disks are stalled, too: nobody could be elected, and it can serve reads.
 */

import type { Core } from './core.js';
import { reachedInForce } from './leader-quorum.js';
import { startTransfer, successorOf } from './leadership-transfer.js';
import { matchIndexOf } from './progress.js';
import type { Leader } from './roles.js';
import { becomeFollower } from './transitions.js';

/**
 * A leader with a stalled disk hands over once a majority without it has the whole log on disk: then their disks work, and
 * the successor can win. No effect while a transfer is under way.
 */
export function handOver(core: Core, role: Leader): void {
  if (role.transfer.state !== 'none') return;
  const { lastIndex } = core.log;
  if (reachedInForce(core, role, Number.NEGATIVE_INFINITY, matchIndexOf) < lastIndex) return;
  const target = successorOf(core, role);
  if (target === undefined) return;
  startTransfer(core, target);
}

/** A server with a stalled disk does not campaign, and follows whoever is elected. */
export function refrain(core: Core): void {
  becomeFollower(core, undefined, { type: 'own disk stalled', stalledMs: core.stalledMs });
  core.resetElectionTimer();
}
