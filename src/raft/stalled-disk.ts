/**
 * A server whose own disk is stalled: a write has taken an election timeout and has neither succeeded nor failed, since the
 * disk hangs, or lacks space or descriptors.
 *
 * Nothing is lost by it, since nothing is acknowledged that is not on the disk. Such a leader takes no proposals (see
 * Raft.proposalRefusal), so its followers come to have its whole log, and it hands over to one of them (thesis 3.10). Such a
 * server does not campaign: it could not write its own vote. A leader stays if its followers' disks are stalled, too: nobody
 * could be elected, and it can serve reads.
 */

import type { Core } from './core.js';
import { reachedInForce } from './leader-quorum.js';
import { startTransfer, successorOf } from './leadership-transfer.js';
import type { Progress } from './progress.js';
import type { Leader } from './roles.js';
import { becomeFollower } from './transitions.js';

/**
 * A leader with a stalled disk hands over once one follower has the whole log on disk, and a majority without the leader has all
 * of it that the leader can send: then their disks work, and the successor can win. No effect while a transfer is under way.
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
  if (core.nowMs - lastHeardMs >= core.options.electionTimeoutMs) return false;
  switch (state.name) {
    case 'probe':
      return false;
    case 'replicate':
      return state.readId !== undefined && state.inflight.length === 0;
    case 'snapshot':
      return state.read !== undefined && state.sentBytes === state.receivedBytes;
  }
}

/** A server with a stalled disk does not campaign, and follows the server that is elected. */
export function refrain(core: Core): void {
  becomeFollower(core, undefined, { type: 'own disk stalled', stalledMs: core.stalledMs });
  core.resetElectionTimer();
}
