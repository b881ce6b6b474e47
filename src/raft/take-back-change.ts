/**
 * How a change of members is taken back when its new voters do not answer.
 *
 * Only the leader that appended C_old,new itself, in its own term, and has not seen it committed, may append C_old again. Nobody
 * can have appended C_new by then, and each election, in either configuration, needs a majority of C_old. A leader of a later
 * term cannot know whether C_new was appended somewhere: with C_old = {A, B, C} and C_new = {D, E, F} it would commit C_old by B
 * and C, while D, which alone has C_new, wins with E and F. So a later leader only goes on with the change.
 */

import { appendConfiguration } from './append-configuration.js';
import { lastHeardMsOf } from './check-quorum.js';
import { isJoint, NO_MEMBERS } from './configuration.js';
import type { Core } from './core.js';
import { reachedBy } from './leader-quorum.js';
import { matchIndexOf } from './progress.js';
import type { Leader } from './roles.js';

/** For how many election timeouts new voters that answer may take to store C_old,new, once a majority of the old ones has. */
const TIMEOUTS_TO_KEEP_IT = 2;

/**
 * Takes the change under way back where that is safe: this leader appended C_old,new in its own term, and it is not committed.
 * A change is hopeless when no majority of the new voters answers, or when only the old voters' majority stores what it is sent.
 * This happens before the leader would step down for the lack of answers: the old voters go on without a pause.
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

/** Whether a majority of the old voters has C_old,new on disk, and no majority of the new voters has. */
function isKeptByOldAlone(core: Core, role: Leader): boolean {
  const { index, quorum } = core.log.configurations.latest;
  const isKeptBy = (voters: readonly number[]) =>
    reachedBy({ voters, outgoing: [] }, core, role, core.persistence.durableIndex, matchIndexOf) >= index;
  return isKeptBy(quorum.outgoing) && !isKeptBy(quorum.voters);
}
