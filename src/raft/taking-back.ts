/**
 * How a change is taken back whose new voters do not answer.
 *
 * Only the leader that appended C_old,new itself, in its own term, and has not seen it committed, may append C_old again. Nobody
 * can have appended C_new by then, and each election, in either configuration, needs a majority of C_old. A leader of a later
 * term cannot know whether C_new was appended somewhere: with C_old = {A, B, C} and C_new = {D, E, F} it would commit C_old by B
 * and C, while D, which alone has C_new, wins with E and F. So that one only goes on.
 */

import { lastHeardMsOf } from './check-quorum.js';
import { isJoint, NO_MEMBERS } from './configuration.js';
import { appendConfiguration } from './configuration-entry.js';
import type { Core } from './core.js';
import { reachedBy } from './leader-quorum.js';
import { matchIndexOf } from './progress.js';
import type { Leader } from './roles.js';

/** A majority of the new voters that answers, and has not kept C_old,new after this many election timeouts, never may. */
const TIMEOUTS_TO_KEEP_IT = 2;

/**
 * Takes the change under way back if that is safe, and no majority of the new voters answers, or keeps what it is sent, while a
 * majority of the old ones does. It does so before the leader would step down for it: the old voters go on without a pause.
 */
export function takeBackIfHopeless(core: Core, role: Leader): void {
  const { change } = role;
  const { index, configuration, quorum } = core.log.configurations.latest;
  const isOwn = index >= role.noOpIndex;
  if (change.state !== 'deciding' || !isJoint(configuration) || !isOwn || core.commitIndex >= index) return;
  const { electionTimeoutMs, heartbeatMs } = core.options;
  const incoming = { voters: quorum.voters, outgoing: [] };
  const silentMs = core.nowMs - reachedBy(incoming, core, role, core.nowMs, lastHeardMsOf);
  const isSilent = silentMs >= electionTimeoutMs - heartbeatMs;
  const isLate = core.nowMs - change.sinceMs >= TIMEOUTS_TO_KEEP_IT * electionTimeoutMs;
  if (!isSilent && !(isLate && isKeptByOldAlone(core, role))) return;
  appendConfiguration(core, role, { ...NO_MEMBERS, voters: configuration.outgoing });
  role.change = {
    state: 'giving up',
    reason: `no majority of the new members ${isSilent ? 'answers' : 'keeps up'}`,
  };
}

/** Whether a majority of the old voters has C_old,new on disk, and none of the new ones. */
function isKeptByOldAlone(core: Core, role: Leader): boolean {
  const { index, quorum } = core.log.configurations.latest;
  const isKeptBy = (voters: readonly number[]) =>
    reachedBy({ voters, outgoing: [] }, core, role, core.persistence.durableIndex, matchIndexOf) >= index;
  return isKeptBy(quorum.outgoing) && !isKeptBy(quorum.voters);
}
