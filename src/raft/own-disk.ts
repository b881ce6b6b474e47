/**
 * A server whose own disk does not answer, without an error: one that hangs, or waits for something that it lacks.
 *
 * Nothing is lost by it, since nothing is acknowledged that is not on the disk. But such a leader proposes nothing more, so it
 * hands over (thesis 3.10) once others can go on without it; and such a server does not campaign, for its own vote would not
 * come to be on its disk. A leader whose followers' disks are silent, too, stays: nobody could be elected, and it can be read.
 */

import type { Core } from './core.js';
import { reachedByMajority } from './quorum.js';
import type { Leader } from './roles.js';
import { startTransfer } from './transfer.js';
import { becomeFollower } from './transitions.js';
import type { ServerId } from './types.js';

/** Whether this server's disk has owed an answer, and given none, for an election timeout. */
export function isOwnDiskSilent(core: Core): boolean {
  return silentMs(core) >= core.options.electionTimeoutMs;
}

/**
 * Its disk being silent, a leader hands over once a majority without it has the whole log on disk: then the disks of those
 * work, and the successor can win. No effect while a transfer is under way.
 */
export function handOver(core: Core, role: Leader): void {
  if (role.transfer.state === 'pending') return;
  const { lastIndex } = core.log;
  const matched = [...role.progress.values()].map(({ matchIndex }) => matchIndex);
  if (reachedByMajority([Number.NEGATIVE_INFINITY, ...matched]) < lastIndex) return;
  const target = successorOf(role, lastIndex);
  if (target === undefined) return;
  startTransfer(core, target);
}

/** Its disk being silent, a server does not campaign, and follows whoever is elected. */
export function refrain(core: Core): void {
  becomeFollower(core, undefined, { type: 'own disk silent', silentMs: silentMs(core) });
  core.resetElectionTimer();
}

/** Of those with the whole log the one heard last; one that was asked before, and has not taken over, comes last. */
function successorOf(role: Leader, lastIndex: number): ServerId | undefined {
  let best: ServerId | undefined;
  let bestHeardMs = Number.NEGATIVE_INFINITY;
  for (const [id, { matchIndex, lastHeardMs }] of role.progress) {
    if (matchIndex < lastIndex) continue;
    const wasAsked = best !== undefined && id === role.transfer.successor;
    if (wasAsked || (best !== role.transfer.successor && lastHeardMs <= bestHeardMs)) continue;
    best = id;
    bestHeardMs = lastHeardMs;
  }
  return best;
}

function silentMs({ nowMs, persistence }: Core): number {
  return nowMs - (persistence.silentSinceMs ?? nowMs);
}
