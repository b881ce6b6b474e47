/**
 * Heartbeats (§5.2): every follower hears from its leader at least every `heartbeatMs`, so that it does not campaign.
 *
 * They go out in numbered rounds: when the time has come, and at the end of a turn if reads wait for one. Answers repeat the
 * round's number, so a leader knows that a majority has followed it since the round began (read-index.ts).
 */

import type { Core } from './core.js';
import { resendLostChunks } from './install-snapshot.js';
import { confirmReads } from './read-index.js';
import { replicateTo, sendAppend } from './replication.js';
import type { Leader } from './roles.js';

/** Begins a round if it is time for the next one. */
export function sendHeartbeatsIfDue(core: Core, role: Leader): void {
  if (core.nowMs >= role.nextHeartbeatMs) sendHeartbeats(core, role);
}

/** Begins a new round: sends every follower what it lacks, or else an AppendEntries without entries. */
export function sendHeartbeats(core: Core, role: Leader): void {
  role.round += 1;
  role.reads.needsRound = false;
  role.nextHeartbeatMs = core.nowMs + core.options.heartbeatMs;
  for (const [peer, progress] of role.progress) {
    if (progress.state.name === 'snapshot') resendLostChunks(core, progress.state);
    if (replicateTo(core, role, peer, progress) === 0) sendAppend(core, role, peer, progress, []);
  }
  // Alone, a leader is the majority that answers.
  confirmReads(core, role);
}
