import { expect } from 'chai';
import { initialConfiguration } from '../../src/raft/configuration.js';
import { MemberChanges } from '../../src/server/member-changes.js';

const CONFIGURATION = initialConfiguration(3);

describe('who the members are', () => {
  /** A core that notes which reads it is given. */
  function core(role: 'leader' | 'follower') {
    const reads: number[] = [];
    const raft = {
      role,
      reads,
      read: (readId: number) => void reads.push(readId),
      lastLog: { index: 7, term: 2 },
      configuration: CONFIGURATION,
      configurationAt: () => CONFIGURATION,
      commitIndex: 7,
      changeStatus: undefined,
      changeMembers: () => undefined,
    };
    let turns = 0;
    const changes = new MemberChanges(raft, { nowMs: () => 0 }, () => {
      turns += 1;
    });
    return { raft, changes, turnsWanted: () => turns };
  }

  it('is told as the leader only once it is known that this one still leads', async () => {
    const { raft, changes, turnsWanted } = core('leader');
    let told: unknown;
    const view = changes.view().then((one) => {
      told = one;
    });
    await new Promise(setImmediate);
    expect(told).to.equal(undefined);
    expect(turnsWanted()).to.equal(1);
    const [readId = 0] = raft.reads;
    const left = changes.takeReads({ confirmedReads: [{ readId: 1, index: 7 }], failedReads: [2] });
    expect(left).to.deep.equal({ confirmedReads: [{ readId: 1, index: 7 }], failedReads: [2] });
    expect(changes.takeReads({ confirmedReads: [{ readId, index: 7 }], failedReads: [] })).to.deep.equal({
      confirmedReads: [],
      failedReads: [],
    });
    await view;
    expect(told).to.deep.include({ isLeading: true, isDecided: true, change: null });
  });

  it('is the word of a server like any other once that does not lead any more', async () => {
    const { raft, changes } = core('leader');
    const view = changes.view();
    changes.takeReads({ confirmedReads: [], failedReads: raft.reads });
    expect(await view).to.deep.include({ isLeading: false, configuration: CONFIGURATION });
    const follower = core('follower');
    expect(await follower.changes.view()).to.deep.include({ isLeading: false });
    expect(follower.raft.reads).to.deep.equal([]);
  });
});
