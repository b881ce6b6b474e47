/**
 * The steps of a change of members by joint consensus (thesis 4.3), as a leader takes them: new voters learn first (4.2.1), then
 * C_old,new is appended, then C_new. A leader that finds C_old,new in its log goes on with it. While C_old,new is in force
 * majorities of both decide: quorum.ts counts them.
 *
 * Each step is taken only once the configuration in force is committed, and with it an entry of the leader's own term: until then
 * another leader may have replaced what an earlier one left, and two majorities without a common server could decide.
 */

import { appendConfiguration } from './append-configuration.js';
import { includes, isJoint, isSame, NO_MEMBERS } from './configuration.js';
import type { Core } from './core.js';
import { startLeaving } from './removed-leader.js';
import type { Leader, MemberChange } from './roles.js';
import type { Configuration, Member } from './types.js';

/** Takes the next step of a change, if it is time. To be called once a turn. */
export function takeNextStep(core: Core, role: Leader): void {
  const { index, configuration } = core.log.configurations.latest;
  if (role.change.state === 'none' && role.actedUponIndex === index) return;
  if (!mayTakeNextStep(core, role)) return;
  if (isJoint(configuration)) {
    leaveJoint(core, role, configuration);
    return;
  }
  if (role.actedUponIndex !== index) {
    role.actedUponIndex = index;
    role.forgetRemovedAtMs = core.nowMs + core.options.electionTimeoutMs;
    if (!includes(configuration.voters, core.id)) startLeaving(core, role);
  }
  switch (role.change.state) {
    case 'learning':
      promoteLearners(core, role, role.change);
      return;
    case 'deciding':
      core.changeOutcome = { outcome: 'done' };
      role.change = { state: 'none' };
      return;
    case 'giving up':
      core.changeOutcome = { outcome: 'given up', reason: role.change.reason };
      role.change = { state: 'none' };
      return;
    case 'none':
      return;
  }
}

/** Has the learners vote once all of them have nearly caught up. Removes them if that takes too long. */
function promoteLearners(
  core: Core,
  role: Leader,
  { voters, catchUp, deadlineMs }: Extract<MemberChange, { state: 'learning' }>,
): void {
  const { lastIndex } = core.log;
  const { electionTimeoutMs, catchUpTimeoutMs } = core.options;
  for (const id of catchUp.lagging) {
    const { matchIndex = 0 } = role.progress.get(id) ?? {};
    catchUp.reached(id, matchIndex, { lastIndex, nowMs: core.nowMs, electionTimeoutMs });
  }
  const { lagging } = catchUp;
  if (lagging.length === 0) {
    if (role.transfer.state === 'none') enterJoint(core, role, voters);
  } else if (core.nowMs >= deadlineMs) {
    const { learners } = core.configuration;
    const slots = learners.filter(({ id }) => lagging.includes(id)).map(({ slot }) => slot);
    appendConfiguration(core, role, { ...core.configuration, learners: [] });
    const reason = `server ${slots.join(', ')} has not caught up within ${catchUpTimeoutMs / 1000} s`;
    role.change = { state: 'giving up', reason };
  }
}

/** Appends C_old,new. Where the voters stay and only learners go, appends the configuration without these. */
export function enterJoint(core: Core, role: Leader, voters: readonly Member[]): void {
  const { configuration } = core;
  role.change = { state: 'deciding', sinceMs: core.nowMs };
  if (!isSame(voters, configuration.voters))
    appendConfiguration(core, role, { voters, outgoing: configuration.voters, learners: [] });
  else if (configuration.learners.length > 0)
    appendConfiguration(core, role, { ...configuration, learners: [] });
}

/** Appends C_new: C_old,new is committed. A leader that found it in its log goes on with the change from here. */
function leaveJoint(core: Core, role: Leader, { voters }: Configuration): void {
  if (role.change.state === 'none') role.change = { state: 'deciding', sinceMs: core.nowMs };
  appendConfiguration(core, role, { ...NO_MEMBERS, voters });
}

/** Whether the configuration in force is committed, and an entry of the leader's own term under it. */
export function mayTakeNextStep({ commitIndex, log }: Core, { noOpIndex }: Leader): boolean {
  return commitIndex >= Math.max(log.configurations.latest.index, noOpIndex);
}
