/**
 * Changes of members by joint consensus (thesis 4.3), as a leader drives them: new voters learn first (4.2.1), then C_old,new is
 * appended, then C_new. A leader that finds C_old,new in its log goes on with it.
 *
 * Each step is taken only once the configuration in force is committed, and with it an entry of the leader's own term: until then
 * another leader may have replaced what an earlier one left, and two majorities could decide that have nobody in common.
 */

import { CatchUp } from './catch-up.js';
import { faultOf, idOf, includes, isJoint, membersOf, NO_MEMBERS } from './configuration.js';
import { appendConfiguration } from './configuration-entry.js';
import type { Core } from './core.js';
import { leave } from './departure.js';
import type { Leader, MemberChange } from './roles.js';
import type { Configuration, Member } from './types.js';

export type MembersRefusal = 'not leading' | 'busy' | 'wrong list';

/** Why a change of members is not begun. */
export class MembersError extends Error {
  readonly code = 'MEMBERS_REFUSED';
  /** `not leading`: another server may take it. `busy`: this one may, later. */
  readonly refusal: MembersRefusal;

  constructor(refusal: MembersRefusal, reason: string) {
    super(`the members cannot be changed: ${reason}`);
    this.name = 'MembersError';
    this.refusal = refusal;
  }
}

/**
 * Begins to change the voters to exactly these. Learners that are not among them go. The outcome comes with an output of the
 * core. Throws {@link MembersError}; then nothing has changed.
 */
export function startChange(core: Core, voters: readonly Member[]): void {
  const { role, configuration } = core;
  if (role.name !== 'leader') throw new MembersError('not leading', `server ${core.id} does not lead`);
  if (role.transfer.state !== 'none') throw new MembersError('not leading', `server ${core.id} hands over`);
  if (role.change.state !== 'none' || isJoint(configuration))
    throw new MembersError('busy', 'another change is under way');
  if (!isDecided(core, role)) throw new MembersError('busy', `server ${core.id} has just begun to lead`);
  const fault = faultOfVoters(configuration, voters);
  if (fault !== undefined) throw new MembersError('wrong list', `the list ${fault}`);
  const adding = without(voters, configuration.voters);
  if (adding.length === 0) {
    decide(core, role, voters);
    return;
  }
  if (!isSame(adding, configuration.learners))
    appendConfiguration(core, role, { ...configuration, learners: adding });
  role.change = {
    state: 'learning',
    voters,
    catchUp: new CatchUp(adding.map(idOf), core.log.lastIndex, core.nowMs),
    deadlineMs: core.nowMs + core.options.catchUpTimeoutMs,
  };
}

/** Takes the next step of a change, if it is time. To be called once a turn. */
export function goOnWithChange(core: Core, role: Leader): void {
  const { index, configuration } = core.log.configurations.latest;
  if (role.change.state === 'none' && role.settledIndex === index) return;
  if (!isDecided(core, role)) return;
  if (isJoint(configuration)) {
    if (role.change.state === 'none') role.change = { state: 'deciding', sinceMs: core.nowMs };
    appendConfiguration(core, role, { ...NO_MEMBERS, voters: configuration.voters });
    return;
  }
  if (role.settledIndex !== index) {
    role.settledIndex = index;
    role.forgetRemovedAtMs = core.nowMs + core.options.electionTimeoutMs;
    if (!includes(configuration.voters, core.id)) leave(core, role);
  }
  switch (role.change.state) {
    case 'learning':
      goOnLearning(core, role, role.change);
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

/** The learners vote once all of them are close, and go once that takes too long. */
function goOnLearning(
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
  if (lagging.length === 0 && role.transfer.state === 'none') decide(core, role, voters);
  else if (core.nowMs >= deadlineMs) {
    appendConfiguration(core, role, { ...core.configuration, learners: [] });
    const reason = `server ${lagging.join(', ')} has not caught up within ${catchUpTimeoutMs / 1000} s`;
    role.change = { state: 'giving up', reason };
  }
}

/** Appends C_old,new; where only learners are to go, the old configuration without them. */
function decide(core: Core, role: Leader, voters: readonly Member[]): void {
  const { configuration } = core;
  role.change = { state: 'deciding', sinceMs: core.nowMs };
  if (!isSame(voters, configuration.voters))
    appendConfiguration(core, role, { voters, outgoing: configuration.voters, learners: [] });
  else if (configuration.learners.length > 0)
    appendConfiguration(core, role, { ...configuration, learners: [] });
}

/** Whether the configuration in force is committed, and an entry of the leader's own term under it. */
function isDecided({ commitIndex, log }: Core, { noOpIndex }: Leader): boolean {
  return commitIndex >= Math.max(log.configurations.latest.index, noOpIndex);
}

/** What is wrong with a list of voters to come. Ids are never reused: an earlier holder may have voted under it. */
function faultOfVoters(configuration: Configuration, voters: readonly Member[]): string | undefined {
  if (voters.length === 0) return 'is empty';
  const members = membersOf(configuration);
  for (const { id, slot } of voters) {
    const known = members.find((member) => member.id === id);
    if (known === undefined && id < configuration.nextId) return `names server ${id}, which was another one`;
    if (known !== undefined && known.slot !== slot)
      return `has server ${id} in slot ${slot}, not ${known.slot}`;
  }
  return faultOf({ ...NO_MEMBERS, voters });
}

function without(members: readonly Member[], others: readonly Member[]): readonly Member[] {
  return members.filter(({ id }) => !includes(others, id));
}

function isSame(members: readonly Member[], others: readonly Member[]): boolean {
  return members.length === others.length && without(members, others).length === 0;
}
