/** Who the members are as one server knows them, by slots: for those who watch. */

import { membersOf } from '../raft/configuration.js';
import type { Raft } from '../raft/raft.js';
import type { Member, SlotId } from '../raft/types.js';
import type { ObservedMembers } from '../wire/observations.js';

export function observedMembers({
  configuration,
  changeStatus: change,
}: Pick<Raft, 'configuration' | 'changeStatus'>): ObservedMembers {
  const { voters, outgoing, learners } = configuration;
  const waitsFor = membersOf(configuration).filter(({ id }) => change?.waitsFor.includes(id));
  return {
    voters: slotsOf(voters),
    outgoing: slotsOf(outgoing),
    replaced: slotsOf(
      outgoing.filter((old) => voters.some(({ id, slot }) => slot === old.slot && id !== old.id)),
    ),
    learners: learners.map(({ id, slot }) => ({
      id: slot,
      caughtUp: change?.learners.find((learner) => learner.id === id)?.caughtUp ?? 0,
    })),
    step: change?.step ?? null,
    waitsFor: [...new Set(slotsOf(waitsFor))],
  };
}

function slotsOf(members: readonly Member[]): readonly SlotId[] {
  return members.map(({ slot }) => slot).sort((a, b) => a - b);
}
