/**
 * Votes that are offered to a dead leader's first heir before it asks for them, and what could go wrong with them.
 */

import { expect } from 'chai';
import { Group } from './support/group.js';
import {
  allOf,
  bytesOf,
  installSnapshot,
  requestVote,
  requestVoteResponse,
  theOnly,
} from './support/messages.js';
import { ELECTION_TIMEOUT_MS, HEARTBEAT_MS, Server } from './support/server.js';

describe('votes that are offered', () => {
  const COUNT = 3;

  /** Server 0 led in term 1 and is dead; 1 is its first heir. Nobody has noticed. */
  function headless(): Group {
    const group = Group.of(COUNT);
    group.elect(0);
    group.agree(0, 'a');
    group.crash(0);
    return group;
  }

  /** The same, and an entry that only server 2 has. */
  function headlessWithHeirBehind(): Group {
    const group = Group.of(COUNT);
    group.elect(0);
    group.isolate(1);
    group.agree(0, 'x');
    group.crash(0);
    group.heal();
    return group;
  }

  it('are for the term behind the dead leader’s, and elect an heir that has not noticed yet', () => {
    const group = headless();
    group.inject(...group.server(2).turn((raft, nowMs) => raft.linkClosed(0, nowMs)));
    expect(group.raft(2).hardState).to.deep.equal({ currentTerm: 2, votedFor: 1 });
    group.deliver({ type: 'RequestVoteResponse' });
    expect(group.raft(1)).to.include({ role: 'leader', currentTerm: 2 });
    group.server(1).turn((raft, nowMs) => raft.linkClosed(0, nowMs));
    group.deliverAll();
    expect(group.commitIndex(1)).to.equal(group.raft(1).lastLog.index);
    expect(group.raft(2)).to.include({ leader: 1, currentTerm: 2 });
  });

  it('have the heir take over already when it learns of them', () => {
    const group = headless();
    group.holdDisk(1);
    group.inject(...group.server(2).turn((raft, nowMs) => raft.linkClosed(0, nowMs)));
    group.deliver({ type: 'RequestVoteResponse' });
    expect(group.raft(1)).to.include({ role: 'candidate', isTakingOver: true });
  });

  it('leave once they are on disk', () => {
    const group = headless();
    group.holdDisk(2);
    group.closeLinks(0);
    expect(group.inTransit({ from: 2 })).to.deep.equal([]);
    group.writeDisk(2);
    expect(theOnly('RequestVoteResponse', group.inTransit({ from: 2 }))).to.include({
      to: 1,
      term: 2,
      voteGranted: true,
    });
  });

  it('do not count for an heir whose log is behind the voter’s, who then campaigns at once', () => {
    const group = headlessWithHeirBehind();
    group.inject(...group.server(2).turn((raft, nowMs) => raft.linkClosed(0, nowMs)));
    group.deliver({ type: 'RequestVoteResponse' });
    expect(group.raft(1).role).to.equal('candidate');
    const startMs = group.nowMs;
    group.runUntil(() => group.leader !== undefined);
    expect(group.leader).to.equal(2);
    expect(group.nowMs - startMs).to.be.at.most(2);
    group.run(HEARTBEAT_MS);
    expect(group.applied(1)).to.equal('x');
  });

  it('are not spent a second time in their term', () => {
    const group = headlessWithHeirBehind();
    group.closeLinks(0);
    const request = requestVote({ from: 0, to: 2, term: 2, lastLogIndex: 9, lastLogTerm: 1 });
    const answer = theOnly('RequestVoteResponse', group.server(2).receive({ ...request, leaseIsOver: true }));
    expect(answer.voteGranted).to.equal(false);
  });

  it('leave the heir as much time as votes that were asked for', () => {
    const group = headless();
    group.server(0).start();
    group.elect(0);
    // The heir's disk is slow, and it does not ask for votes before it has what it tells of.
    group.holdDisk(1);
    group.propose(0, 'b');
    group.deliver({ type: 'AppendEntries' });
    group.crash(0);
    const sent = group.sentDuring(() => {
      group.closeLinks(0);
      group.run(12);
      expect(group.raft(1).role).to.equal('candidate');
      group.freeDisk(1);
      group.deliverAll();
    });
    expect(allOf('PreVote', sent)).to.deep.equal([]);
    expect(group.leader).to.equal(1);
  });

  it('are not made to an heir that has ended, too, so that nobody waits for it', () => {
    const group = Group.of(5);
    group.elect(0);
    group.crash(1);
    group.closeLinks(1);
    group.crash(0);
    const sent = group.sentDuring(() => group.closeLinks(0));
    expect(sent).to.deep.equal([]);
    const startMs = group.nowMs;
    group.runUntil(() => group.leader !== undefined);
    expect(group.leader).to.equal(2);
    expect(group.nowMs - startMs).to.be.at.most(6);
  });

  it('are made to an heir that has come back', () => {
    const group = Group.of(COUNT);
    group.elect(0);
    group.crash(1);
    group.closeLinks(1);
    group.server(1).start();
    group.openLinks(1);
    group.run(2 * HEARTBEAT_MS);
    group.crash(0);
    const sent = group.sentDuring(() => group.closeLinks(0));
    expect(allOf('RequestVoteResponse', sent)).to.have.length(1);
  });

  it('do not keep the voters waiting for long when the heir does not answer', () => {
    const group = Group.of(5);
    group.elect(0);
    group.crash(0);
    group.crash(1);
    group.closeLinks(0);
    const startMs = group.nowMs;
    group.runUntil(() => group.leader !== undefined);
    expect(group.nowMs - startMs).to.be.below(ELECTION_TIMEOUT_MS / 2);
  });

  it('are not made while a snapshot takes the place of the log they would tell of', () => {
    const server = new Server(0, COUNT);
    server.holdDisk();
    server.receive(installSnapshot({ snapshot: { index: 5, term: 1, byteLength: 1 }, data: bytesOf('a') }));
    server.turn((raft, nowMs) => raft.linkClosed(1, nowMs));
    expect(server.raft.hardState).to.deep.equal({ currentTerm: 1, votedFor: undefined });
  });

  it('have one that follows no leader, or is further behind, just enter the term', () => {
    const server = new Server(0, COUNT);
    server.receive(requestVoteResponse({ term: 1, isOffered: true }));
    expect(server.raft).to.include({ role: 'follower', currentTerm: 1 });
    const group = headless();
    const late = requestVoteResponse({ from: 2, to: 1, term: 3, isOffered: true });
    expect(group.server(1).receive(late)).to.deep.equal([]);
    expect(group.raft(1)).to.include({ role: 'follower', currentTerm: 3 });
    expect(group.raft(1).hardState.votedFor).to.equal(undefined);
  });

  it('are no reason to campaign for one that installs a snapshot', () => {
    const server = new Server(0, COUNT);
    server.holdDisk();
    const snapshot = { index: 5, term: 1, byteLength: 1 };
    server.receive(installSnapshot({ from: 2, snapshot, data: bytesOf('a') }));
    server.receive(requestVoteResponse({ term: 2, isOffered: true }));
    expect(server.raft).to.include({ role: 'follower', currentTerm: 2 });
  });

  it('do not come in the way of an heir that has noticed in the same turn', () => {
    const group = headless();
    const [offer] = group.server(2).turn((raft, nowMs) => raft.linkClosed(0, nowMs));
    if (offer === undefined) throw new Error('no vote was offered');
    group.server(1).turn((raft, nowMs) => {
      raft.linkClosed(0, nowMs);
      raft.step(offer, nowMs);
      raft.tick(nowMs);
    });
    expect(group.raft(1)).to.include({ role: 'leader', currentTerm: 2 });
  });

  it('are told from a late answer to an earlier campaign, which says nothing of the leader', () => {
    const group = Group.of(COUNT);
    group.elect(0);
    group.server(1).receive(requestVoteResponse({ from: 2, to: 1, term: 2 }));
    expect(group.raft(1)).to.include({ role: 'follower', currentTerm: 2 });
    const request = requestVote({ from: 2, to: 1, term: 3, lastLogIndex: 9, lastLogTerm: 1 });
    const answers = allOf('RequestVoteResponse', group.server(1).receive(request));
    expect(answers, 'while the leader may have a lease').to.deep.equal([]);
  });

  describe('to a leader that is deposed', () => {
    /** Lets half an election timeout pass after it; returns whether it campaigns meanwhile. */
    function campaignsWhenDeposed(group: Group): boolean {
      const term = group.raft(1).currentTerm + 1;
      group.server(1).receive(requestVoteResponse({ from: 2, to: 1, term, voteGranted: false }));
      expect(group.raft(1)).to.include({ role: 'follower', currentTerm: term });
      const sent = group.sentDuring(() => group.run(ELECTION_TIMEOUT_MS / 2));
      return allOf('PreVote', sent).some(({ from }) => from === 1);
    }

    it('have it try again soon if it has committed nothing', () => {
      const group = headless();
      group.closeLinks(0);
      group.tick(1);
      group.deliver({ type: 'RequestVoteResponse' });
      group.drop();
      expect(campaignsWhenDeposed(group)).to.equal(true);
    });

    it('have it wait an election timeout otherwise', () => {
      const group = headless();
      group.closeLinks(0);
      group.runUntil(() => group.leader === 1);
      group.run(HEARTBEAT_MS);
      expect(campaignsWhenDeposed(group)).to.equal(false);
    });
  });
});
