/**
 * How a change of members begins: what a leader checks before, and the first step (thesis 4). The later steps are in
 * joint-consensus.ts, and how a change is given up in take-back-change.ts.
 */

import { appendConfiguration } from './append-configuration.js';
import { faultOf, idOf, isJoint, isSame, membersOf, NO_MEMBERS, without } from './configuration.js';
import type { Core } from './core.js';
import { enterJoint, mayTakeNextStep } from './joint-consensus.js';
import { CatchUp } from './learner-catch-up.js';
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
  if (!mayTakeNextStep(core, role))
    throw new MembersError('busy', `server ${core.id} has just begun to lead`);
  const fault = faultOfVoters(configuration, voters);
  if (fault !== undefined) throw new MembersError('wrong list', `the list ${fault}`);
  const adding = without(voters, configuration.voters);
  if (adding.length === 0) {
    enterJoint(core, role, voters);
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
