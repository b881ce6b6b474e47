/**
 * Figure 7 of the Raft paper: what followers' logs can look like when a leader comes to power. Each is brought to
 * the leader's log (§5.3), and that takes few messages, however far it went astray.
 */

import { expect } from 'chai';
import { Group } from '../support/raft/group.js';

const LEADER = '1 1 1 4 4 5 5 6 6 6';

const FOLLOWERS = [
  { name: 'a', log: '1 1 1 4 4 5 5 6 6', because: 'misses an entry' },
  { name: 'b', log: '1 1 1 4', because: 'misses many' },
  { name: 'c', log: '1 1 1 4 4 5 5 6 6 6 6', because: 'has an uncommitted one too many' },
  { name: 'd', log: '1 1 1 4 4 5 5 6 6 6 7 7', because: 'has two of a later term' },
  { name: 'e', log: '1 1 1 4 4 4 4', because: 'misses some and has others instead' },
  { name: 'f', log: '1 1 1 2 2 2 3 3 3 3 3', because: 'led terms 2 and 3 and committed nothing' },
];

describe('figure 7 of the paper', () => {
  it('brings all six followers to the leader’s log at once', () => {
    const group = Group.withTerms([LEADER, ...FOLLOWERS.map(({ log }) => log)], { term: 7 });
    group.elect(0);
    for (const { id } of group.servers) expect(group.terms(id)).to.equal(`${LEADER} 8`);
    for (const { id } of group.servers) expect(group.log(id)).to.equal(group.log(0));
    expect(group.commitIndex(0)).to.equal(11);
  });

  for (const { name, log, because } of FOLLOWERS) {
    it(`brings follower ${name}, which ${because}, to the leader’s log within four messages`, () => {
      // A third server like the leader gives it the majority that the follower may refuse.
      const group = Group.withTerms([LEADER, log, LEADER], { term: 7 });
      group.win(0);
      const requests = group
        .sentDuring(() => group.deliverAll())
        .filter(({ type, to }) => type === 'AppendEntries' && to === 1);
      expect(group.terms(1)).to.equal(`${LEADER} 8`);
      // One more was in transit when counting began.
      expect(requests.length + 1).to.be.at.most(4);
    });
  }
});
