/**
 * The numbered sections of the Raft paper, each by what it promises. What the sections say as rules for a single
 * server is in figure-2.test.ts.
 */

import { expect } from 'chai';
import { Group } from '../support/raft/group.js';
import { allOf } from '../support/raft/messages.js';
import { ELECTION_TIMEOUT_MS, HEARTBEAT_MS } from '../support/raft/server.js';

describe('the Raft paper, section by section', () => {
  describe('5.1 basics', () => {
    it('starts every server as a follower', () => {
      const group = Group.of(3);
      for (const { raft } of group.servers) expect(raft).to.include({ role: 'follower', leader: undefined });
    });

    it('numbers terms in the order of elections', () => {
      const group = Group.of(3);
      group.elect(0);
      expect(group.raft(0).currentTerm).to.equal(1);
      group.elect(1);
      expect(group.raft(1).currentTerm).to.equal(2);
      for (const { raft } of group.servers) expect(raft).to.include({ currentTerm: 2, leader: 1 });
    });

    it('tells a leader that its term is over', () => {
      const group = Group.of(3);
      group.elect(0);
      group.isolate(0);
      group.elect(1);
      expect(group.raft(0), 'it has heard nothing').to.include({ role: 'leader', currentTerm: 1 });

      group.heal();
      group.propose(0, 'too late');
      group.deliverAll();
      expect(group.raft(0)).to.include({ role: 'follower', currentTerm: 2 });
    });
  });

  describe('5.2 leader election', () => {
    for (const count of [1, 2, 3, 4, 5, 7]) {
      it(`elects the first of ${count} servers that times out`, () => {
        const group = Group.of(count);
        group.run(ELECTION_TIMEOUT_MS);
        for (const { raft } of group.servers) expect(raft).to.include({ leader: 0, currentTerm: 1 });
      });
    }

    it('keeps a leader for as long as its heartbeats arrive', () => {
      const group = Group.of(5);
      group.elect(3);
      group.run(50 * ELECTION_TIMEOUT_MS);
      expect(group.leader).to.equal(3);
      expect(group.raft(3).currentTerm).to.equal(1);
    });

    it('elects nobody when the vote is split, and then whoever times out first', () => {
      const group = Group.of(4);
      group.advance(1.13 * ELECTION_TIMEOUT_MS);
      group.deliver({ type: 'PreVote' });
      group.deliver({ type: 'PreVoteResponse' });
      group.deliver({ type: 'RequestVote', from: 0, to: 2 });
      group.deliver({ type: 'RequestVote', from: 1, to: 3 });
      group.deliverAll();
      expect(group.leader, 'two votes each').to.equal(undefined);

      group.run(2 * ELECTION_TIMEOUT_MS);
      expect(group.leader).to.equal(0);
      expect(group.raft(0).currentTerm).to.equal(2);
    });

    const timeoutsOf = (group: Group) =>
      [0, 0.5, 0.999].map((random) => {
        group.server(0).random = random;
        group.restart(0);
        return group.raft(0).deadlineMs - group.nowMs;
      });

    it('draws each election timeout anew, from T to twice T', () => {
      expect(timeoutsOf(Group.withLogs(['1:a', '1:a']))).to.deep.equal([100, 150, 199.9]);
    });

    it('draws the first of a server that never heard of a leader from a quarter of T to T', () => {
      expect(timeoutsOf(Group.of(2))).to.deep.equal([25, 62.5, 99.925]);
    });
  });

  describe('5.3 log replication', () => {
    it('sends an entry to all, commits it with a majority, and lets all apply it', () => {
      const group = Group.of(3);
      group.elect(0);
      group.propose(0, 'x');
      expect(group.commitIndex(0)).to.equal(1);
      group.deliver({ to: 1 });
      group.deliver({ from: 1 });
      expect(group.applied(0), 'server 2 is not needed').to.equal('x');
      expect(group.applied(1), 'it learns of it from the next message').to.equal('');

      group.deliverAll();
      group.run(HEARTBEAT_MS);
      expect(group.applied(1)).to.equal('x');
      expect(group.applied(2)).to.equal('x');
    });

    it('commits, along with an entry, what earlier leaders left before it', () => {
      const group = Group.withLogs(['1:a 2:b', '1:a', '']);
      group.elect(0);
      expect(group.applied(0)).to.equal('a b');
    });

    it('retries without end until a follower that was down has everything', () => {
      const group = Group.of(3);
      group.elect(0);
      group.crash(2);
      group.agree(0, 'x', 'y');
      group.run(20 * ELECTION_TIMEOUT_MS);
      group.restart(2);
      group.run(2 * HEARTBEAT_MS);
      expect(group.applied(2)).to.equal('x y');
    });

    it('keeps logs alike up to any entry that they share', () => {
      const group = Group.of(3);
      group.elect(0);
      group.isolate(2);
      group.agree(0, 'a', 'b');
      group.isolate(0);
      group.propose(0, 'lost');
      group.heal();
      group.isolate(0);
      group.elect(1);
      group.agree(1, 'c');
      group.heal();
      group.run(2 * ELECTION_TIMEOUT_MS);
      for (const id of [0, 1, 2]) expect(group.log(id)).to.equal('1:- 1:a 1:b 2:- 2:c');
    });

    it('lets a leader append only, never overwrite', () => {
      const group = Group.withLogs(['1:a 2:b', '1:a 1:c', '1:a 1:c']);
      group.elect(0);
      group.agree(0, 'x');
      expect(group.log(0)).to.equal('1:a 2:b 3:- 3:x');
      expect(group.log(1)).to.equal(group.log(0));
    });
  });

  describe('5.4.1 election restriction', () => {
    it('elects no server that lacks a committed entry', () => {
      const group = Group.of(3);
      group.elect(0);
      group.isolate(2);
      group.agree(0, 'x');
      group.heal();
      group.crash(0);
      expect(() => group.elect(2)).to.throw('was not elected');
      group.elect(1);
      expect(group.applied(1)).to.equal('x');
    });

    it('prefers a later last term to a longer log', () => {
      const group = Group.withLogs(['1:a 1:b 1:c', '2:a', '2:a']);
      expect(() => group.elect(0)).to.throw('was not elected');
      group.elect(1);
      expect(group.log(0)).to.equal('2:a 3:-');
    });
  });

  describe('5.4.2 entries of earlier terms', () => {
    it('does not commit them by counting, however many servers have them', () => {
      const group = Group.withLogs(['1:a', '1:a', '1:a']);
      group.win(0);
      group.drop();
      group.isolate(0);
      group.propose(0, 'x');
      expect(group.commitIndex(0), 'all three have entry 1').to.equal(0);
    });
  });

  describe('5.5 crashes of followers and candidates', () => {
    it('processes a request that arrives twice like one that arrives once', () => {
      const group = Group.of(3);
      group.elect(0);
      group.propose(0, 'x');
      const requests = group.inTransit();
      group.deliverAll();
      group.inject(...requests, ...requests);
      group.deliverAll();
      group.agree(0, 'y');
      for (const id of [0, 1, 2]) expect(group.log(id)).to.equal('1:- 1:x 1:y');
    });

    it('elects another when a candidate crashes', () => {
      const group = Group.of(3);
      group.advance(ELECTION_TIMEOUT_MS);
      group.deliver({ type: 'PreVote' });
      group.deliver({ type: 'PreVoteResponse' });
      expect(group.raft(0).role).to.equal('candidate');
      group.crash(0);
      group.run(3 * ELECTION_TIMEOUT_MS);
      expect(group.leader).to.equal(1);
    });

    it('does not vote twice in a term, even with a restart in between', () => {
      const group = Group.of(3);
      group.advance(1.2 * ELECTION_TIMEOUT_MS);
      group.deliver({ type: 'PreVote', to: 2 });
      group.deliver({ type: 'PreVoteResponse' });
      group.deliver({ type: 'RequestVote', from: 0, to: 2 });
      group.restart(2);
      group.advance(ELECTION_TIMEOUT_MS - 1);
      expect(group.raft(2).hardState).to.deep.equal({ currentTerm: 1, votedFor: 0 });
      expect(group.inTransit({ type: 'RequestVote', from: 1, to: 2 })).to.have.length(1);
      group.deliver({ type: 'RequestVote', from: 1, to: 2 });
      const [answer] = allOf('RequestVoteResponse', group.inTransit({ from: 2, to: 1 }));
      expect(answer?.voteGranted).to.equal(false);
    });
  });

  describe('5.6 timing and availability', () => {
    it('replaces a leader within two election timeouts and a vote', () => {
      const group = Group.of(5);
      group.elect(0);
      group.crash(0);
      group.run(2 * ELECTION_TIMEOUT_MS);
      expect(group.leader).to.equal(1);
    });

    it('needs heartbeats to arrive within T only: some may be lost', () => {
      const group = Group.of(3);
      group.elect(0);
      for (let round = 0; round < 20; round += 1) {
        group.advance(HEARTBEAT_MS);
        group.drop({ from: 0 });
        group.run(HEARTBEAT_MS);
      }
      expect(group.leader).to.equal(0);
      expect(group.raft(0).currentTerm).to.equal(1);
    });
  });

  describe('7 log compaction', () => {
    it('goes on from a snapshot after a restart', () => {
      const group = Group.of(3);
      group.elect(0);
      group.agree(0, 'a', 'b', 'c');
      group.compact(1);
      group.restart(1);
      expect(group.applied(1)).to.equal('a b c');
      group.agree(0, 'd');
      expect(group.applied(1)).to.equal('a b c d');
    });

    it('sends its snapshot to a follower that needs entries which are gone', () => {
      const group = Group.of(3);
      group.elect(0);
      group.isolate(2);
      group.agree(0, 'a', 'b', 'c');
      group.compact(0);
      group.heal();
      group.run(2 * HEARTBEAT_MS);
      expect(group.raft(2).logStart).to.deep.equal({ index: 4, term: 1 });
      expect(group.applied(2)).to.equal('a b c');
    });
  });

  describe('8 client interaction', () => {
    it('begins a term with an entry without content, so that the leader learns what is committed', () => {
      const group = Group.withLogs(['1:a', '1:a', '1:a']);
      group.elect(0);
      expect(group.log(0)).to.equal('1:a 2:-');
      expect(group.commitIndex(0)).to.equal(2);
      expect(group.applied(0), 'the state machine does not see it').to.equal('a');
    });

    it('takes proposals at the leader only', () => {
      const group = Group.of(3);
      group.elect(0);
      expect(group.propose(0, 'x')).to.deep.equal({ index: 2, term: 1 });
      expect(group.propose(1, 'y')).to.equal(undefined);
      expect(group.log(1)).to.equal('1:-');
    });

    it('answers no read at a leader that has been deposed without knowing it', () => {
      const group = Group.of(3, { leaseMs: 0 });
      group.elect(0);
      group.isolate(0);
      group.elect(1);
      group.agree(1, 'new');
      const read = group.read(0);
      group.heal();
      group.deliverAll();
      group.run(ELECTION_TIMEOUT_MS);
      expect(read.outcome).to.equal('failed');
    });
  });
});
