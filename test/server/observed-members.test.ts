import { expect } from 'chai';
import type { ChangeStatus } from '../../src/raft/change-status.js';
import { initialConfiguration } from '../../src/raft/configuration.js';
import type { Configuration } from '../../src/raft/types.js';
import { observedMembers } from '../../src/server/observed-members.js';

const three = initialConfiguration(3);
const NOTHING = { outgoing: [], replaced: [], learners: [], step: null, waitsFor: [] };

function observed(configuration: Configuration, changeStatus?: ChangeStatus) {
  return observedMembers({ configuration, changeStatus });
}

describe('the members that a server shows', () => {
  it('are the voters while nothing changes', () => {
    expect(observed(three)).to.deep.equal({ ...NOTHING, voters: [0, 1, 2] });
  });

  it('are told by slots, a learner with its share of the log', () => {
    const configuration = { ...three, learners: [{ id: 7, slot: 3 }], nextId: 8 };
    const learners = [{ id: 7, caughtUp: 0.5 }];
    expect(
      observed(configuration, { step: 'learning', caughtUp: 0.5, learners, waitsFor: [7] }),
    ).to.deep.equal({
      ...NOTHING,
      voters: [0, 1, 2],
      learners: [{ id: 3, caughtUp: 0.5 }],
      step: 'learning',
      waitsFor: [3],
    });
  });

  it('name the slot that goes from one server to another', () => {
    const voters = [...three.voters.slice(0, 2), { id: 3, slot: 2 }];
    const configuration = { ...three, voters, outgoing: three.voters, nextId: 4 };
    const change = { step: 'deciding', caughtUp: 1, learners: [], waitsFor: [2, 3] } as const;
    expect(observed(configuration, change)).to.deep.equal({
      voters: [0, 1, 2],
      outgoing: [0, 1, 2],
      replaced: [2],
      learners: [],
      step: 'deciding',
      waitsFor: [2],
    });
  });
});
