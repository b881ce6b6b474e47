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
import type { Progress } from './progress.js';
import type { Leader } from './roles.js';
import { becomeFollower } from './transitions.js';

/**
 * A leader with a stalled disk hands over once a majority without it has on disk whatever it could be sent, and one of them the
 * whole log: then their disks work, and the successor can win. No effect while a transfer is under way.
 */
export function handOver(core: Core, role: Leader): void {
  if (role.transfer.state !== 'none') return;
  const { lastIndex } = core.log;
  const reachedBy = (one: Progress) => (waitsForRead(core, one) ? lastIndex : one.matchIndex);
  if (reachedInForce(core, role, Number.NEGATIVE_INFINITY, reachedBy) < lastIndex) return;
  const target = successorOf(core, role);
  if (target === undefined) return;
  startTransfer(core, target);
}

/** Whether a follower, which is heard, lacks only what this server would have to read from its disk. */
function waitsForRead(core: Core, { state, lastHeardMs }: Progress): boolean {
  const isHeard = core.nowMs - lastHeardMs < core.options.electionTimeoutMs;
  return isHeard && state.name === 'replicate' && state.readId !== undefined && state.inflight.length === 0;
}

/** A server with a stalled disk does not campaign, and follows the server that is elected. */
export function refrain(core: Core): void {
  becomeFollower(core, undefined, { type: 'own disk stalled', stalledMs: core.stalledMs });
  core.resetElectionTimer();
}
