import { expect } from 'chai';
import { appendEntries, requestVoteResponse } from '../../support/raft/messages.js';
import { Follower, set } from '../../support/server/server-side.js';

describe('the router’s clients at a server that does not lead', () => {
  it('are sent back', () => {
    const follower = new Follower();
    follower.route(1, set('k', 'x'));
    expect(follower.turn()).to.equal('<refuse>');
  });

  it('wait while it is a candidate, and their writes leave with its first entry', () => {
    const candidate = new Follower();
    candidate.campaign();
    candidate.route(1, set('k', 'x'));
    expect(candidate.turn()).to.equal('');
    candidate.hear(requestVoteResponse({ from: 1, term: candidate.raft.currentTerm }));
    expect(candidate.turn()).to.equal('');
    expect(candidate.raft.durableIndex).to.equal(candidate.raft.commitIndex + 2);
    expect(candidate.acknowledge()).to.equal('OK 1\r\n');
  });

  it('are sent back once it is not elected, with nothing proposed', () => {
    const candidate = new Follower();
    candidate.campaign();
    candidate.route(1, set('k', 'x'));
    candidate.turn();
    candidate.hear(appendEntries({ from: 2, term: candidate.raft.currentTerm }));
    expect(candidate.turn()).to.equal('<refuse>');
    expect(candidate.raft.durableIndex).to.equal(0);
  });
});
