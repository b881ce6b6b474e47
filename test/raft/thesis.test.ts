/**
 * What the thesis adds to the paper: transfer of leadership, elections that do not disturb, and a leader that
 * writes its disk in parallel. Its reads are in reads.test.ts, its leases in lease.test.ts.
 */

import { expect } from 'chai';
import { TransferError } from '../../src/raft/leadership-transfer.js';
import { Disk } from '../support/raft/disk.js';
import { Group } from '../support/raft/group.js';
import { entries, preVote, requestVote, theOnly } from '../support/raft/messages.js';
import { ELECTION_TIMEOUT_MS, HEARTBEAT_MS, Server } from '../support/raft/server.js';

const MINUTE_MS = 60_000;

describe('the thesis, section by section', () => {
  describe('3.10 leadership transfer', () => {
    it('hands over at once, without waiting for a timeout', () => {
      const group = Group.of(3);
      group.elect(0);
      const startMs = group.nowMs;
      group.transfer(0, 2);
      group.deliverAll();
      expect(group.leader).to.equal(2);
      expect(group.nowMs).to.equal(startMs);
      for (const { raft } of group.servers) expect(raft).to.include({ leader: 2, currentTerm: 2 });
    });

    it('first brings the successor up to date', () => {
      const group = Group.of(3);
      group.elect(0);
      group.isolate(2);
      group.agree(0, 'x', 'y');
      group.heal();
      group.transfer(0, 2);
      expect(group.inTransit({ type: 'TimeoutNow' })).to.deep.equal([]);
      group.run(2 * HEARTBEAT_MS);
      expect(group.leader).to.equal(2);
      expect(group.applied(2)).to.equal('x y');
    });

    it('first commits what it has appended, so that no client is left without an answer', () => {
      const group = Group.of(3);
      group.elect(0);
      group.isolate(1);
      group.holdDisk(0);
      group.propose(0, 'x');
      group.transfer(0, 2);
      group.deliverAll();
      expect(group.raft(0).role).to.equal('leader');
      group.freeDisk(0);
      expect(group.applied(0)).to.equal('x');
      group.deliverAll();
      expect(group.leader).to.equal(2);
    });

    it('brings a successor up to date that needs a snapshot', () => {
      const group = Group.of(3);
      group.elect(0);
      group.isolate(2);
      group.agree(0, 'x', 'y');
      group.compact(0);
      group.heal();
      group.transfer(0, 2);
      group.run(3 * HEARTBEAT_MS);
      expect(group.leader).to.equal(2);
    });

    it('takes no proposals meanwhile', () => {
      const group = Group.of(3);
      group.elect(0);
      group.isolate(2);
      group.agree(0, 'x');
      group.transfer(0, 2);
      expect(group.raft(0).proposalRefusal).to.equal('handing over');
      expect(group.propose(0, 'y')).to.equal(undefined);
    });

    it('is given up after an election timeout, and proposals are taken again', () => {
      const group = Group.of(3);
      group.elect(0);
      group.crash(2);
      group.transfer(0, 2);
      group.run(ELECTION_TIMEOUT_MS + HEARTBEAT_MS);
      expect(group.raft(0).proposalRefusal).to.equal(undefined);
      expect(group.leader).to.equal(0);
      expect(group.propose(0, 'x')).to.deep.equal({ index: 2, term: 1 });
    });

    it('is given up in time although it is asked for again and again', () => {
      const group = Group.of(3);
      group.elect(0);
      group.crash(2);
      group.transfer(0, 2);
      for (let passedMs = 0; passedMs < ELECTION_TIMEOUT_MS; passedMs += HEARTBEAT_MS) {
        group.run(HEARTBEAT_MS);
        if (group.raft(0).proposalRefusal !== undefined) group.transfer(0, 2);
      }
      group.run(HEARTBEAT_MS);
      expect(group.raft(0).proposalRefusal).to.equal(undefined);
    });

    it('asks again when the request is lost', () => {
      const group = Group.of(3);
      group.elect(0);
      group.transfer(0, 2);
      group.drop({ type: 'TimeoutNow' });
      group.run(2 * HEARTBEAT_MS);
      expect(group.leader).to.equal(2);
    });

    it('does nothing when the successor is the leader itself', () => {
      const group = Group.of(3);
      group.elect(0);
      group.transfer(0, 0);
      expect(group.raft(0).proposalRefusal).to.equal(undefined);
    });

    it('is refused by a server that does not lead, and for one that is not there', () => {
      const group = Group.of(3);
      group.elect(0);
      expect(() => group.transfer(1, 2)).to.throw(TransferError, 'not the leader');
      expect(() => group.transfer(0, 9)).to.throw(TransferError, 'server 9 has no vote');
    });

    it('is not started by a request of a leader that is gone', () => {
      const group = Group.of(3);
      group.elect(0);
      group.transfer(0, 2);
      const late = group.drop({ type: 'TimeoutNow' });
      group.elect(1);
      group.inject(...late);
      group.deliverAll();
      expect(group.raft(2)).to.include({ role: 'follower', currentTerm: 2, leader: 1 });
    });
  });

  describe('4.2.3 disruptive servers', () => {
    it('keeps the leader against a candidate, while the leader is heard', () => {
      const group = Group.of(3);
      group.elect(0);
      group.inject(requestVote({ from: 2, to: 1, term: 9, lastLogIndex: 9, lastLogTerm: 9 }));
      group.inject(requestVote({ from: 2, to: 0, term: 9, lastLogIndex: 9, lastLogTerm: 9 }));
      group.deliverAll();
      expect(group.raft(0)).to.include({ role: 'leader', currentTerm: 1 });
      expect(group.raft(1)).to.include({ role: 'follower', currentTerm: 1, leader: 0 });
    });

    it('keeps the leader against a server that was cut off', () => {
      const group = Group.of(5);
      group.elect(0);
      group.isolate(4);
      group.run(10 * ELECTION_TIMEOUT_MS);
      group.heal();
      group.run(10 * ELECTION_TIMEOUT_MS);
      expect(group.raft(0)).to.include({ role: 'leader', currentTerm: 1 });
    });

    it('keeps the leader against a server that hears nobody, but is heard', () => {
      const group = Group.of(3);
      group.elect(0);
      group.cutOneWay(0, 2);
      group.cutOneWay(1, 2);
      group.run(20 * ELECTION_TIMEOUT_MS);
      expect(group.raft(0)).to.include({ role: 'leader', currentTerm: 1 });
    });

    it('keeps the leader against a follower to which only the leader’s link is broken', () => {
      const group = Group.of(3);
      group.elect(0);
      group.cut(0, 2);
      group.run(20 * ELECTION_TIMEOUT_MS);
      expect(group.raft(0)).to.include({ role: 'leader', currentTerm: 1 });
      group.heal();
      group.agree(0, 'x');
      expect(group.raft(2).leader).to.equal(0);
    });
  });

  describe('6.2 check-quorum', () => {
    it('ends the leadership of a server that hears from no majority for an election timeout', () => {
      const group = Group.of(5);
      group.elect(0);
      group.partition([0, 1]);
      group.run(ELECTION_TIMEOUT_MS - 1);
      expect(group.raft(0).role).to.equal('leader');
      group.run(HEARTBEAT_MS);
      expect(group.raft(0)).to.include({ role: 'follower', currentTerm: 1 });
    });

    it('keeps a leader that still hears from a majority', () => {
      const group = Group.of(5);
      group.elect(0);
      group.partition([3, 4]);
      group.run(10 * ELECTION_TIMEOUT_MS);
      expect(group.raft(0)).to.include({ role: 'leader', currentTerm: 1 });
    });

    it('replaces a leader that can send but not receive', () => {
      const group = Group.of(3);
      group.elect(0);
      group.cutOneWay(1, 0);
      group.cutOneWay(2, 0);
      group.run(4 * ELECTION_TIMEOUT_MS);
      expect(group.leader).to.equal(1);
    });
  });

  describe('9.6 pre-vote', () => {
    it('asks before it raises the term, and changes nothing at those who are asked', () => {
      const server = new Server(0, 3, { disk: Disk.holding(entries('1:a')) });
      server.pass(ELECTION_TIMEOUT_MS);
      expect(server.raft).to.include({ role: 'precandidate', currentTerm: 1 });

      const ask = preVote({ term: 2, lastLogIndex: 1, lastLogTerm: 1 });
      expect(theOnly('PreVoteResponse', server.receive(ask))).to.include({ term: 2, voteGranted: true });
      expect(server.raft.hardState).to.deep.equal({ currentTerm: 1, votedFor: undefined });
    });

    it('may be granted to several', () => {
      const server = new Server(0, 3);
      for (const from of [1, 2]) {
        const { voteGranted } = theOnly('PreVoteResponse', server.receive(preVote({ from })));
        expect(voteGranted).to.equal(true);
      }
    });

    it('is refused to a server whose log is behind', () => {
      const server = new Server(0, 3, { disk: Disk.holding(entries('1:a')) });
      server.pass(ELECTION_TIMEOUT_MS);
      const answer = theOnly('PreVoteResponse', server.receive(preVote({ term: 2 })));
      expect(answer.voteGranted).to.equal(false);
    });

    it('tells a server that is behind which term it is', () => {
      const group = Group.withLogs(['', '1:a 4:b', '1:a 4:b']);
      group.run(ELECTION_TIMEOUT_MS);
      expect(group.raft(0)).to.include({ role: 'follower', currentTerm: 4 });
    });

    it('An isolated server that rejoins after a minute does not disturb the leader (its term did not grow)', () => {
      const group = Group.of(3);
      group.elect(0);
      group.isolate(2);
      group.run(MINUTE_MS);
      expect(group.raft(2).currentTerm, 'its term did not grow').to.equal(1);

      group.heal();
      group.run(10 * ELECTION_TIMEOUT_MS);
      expect(group.raft(0), 'the leader').to.include({ role: 'leader', currentTerm: 1 });
      expect(group.raft(2)).to.include({ role: 'follower', leader: 0 });
    });

    it('keeps the term of an isolated leader from growing, too', () => {
      const group = Group.of(3);
      group.elect(0);
      group.isolate(0);
      group.run(MINUTE_MS);
      expect(group.raft(0).currentTerm).to.equal(1);
      expect(group.leader).to.equal(1);

      group.heal();
      group.run(10 * ELECTION_TIMEOUT_MS);
      expect(group.leader).to.equal(1);
      expect(group.raft(1).currentTerm).to.equal(2);
    });
  });

  describe('10.2.1 the leader writes its disk in parallel', () => {
    it('asks for votes while its own is being written, and leads only once it is', () => {
      const group = Group.of(3);
      group.holdDisk(0);
      group.advance(ELECTION_TIMEOUT_MS / 4);
      group.deliver({ type: 'PreVote' });
      group.deliver({ type: 'PreVoteResponse' });
      group.deliverAll();
      expect(group.raft(0), 'two of three votes, but not its own').to.include({
        role: 'candidate',
        currentTerm: 1,
      });
      group.writeDisk(0);
      expect(group.raft(0).role).to.equal('leader');
    });

    it('asks for no vote with a log that is not on its disk', () => {
      const group = Group.of(3);
      group.elect(0);
      group.holdDisk(1);
      group.propose(0, 'x');
      group.deliver({ to: 1 });
      group.crash(0);
      group.closeLinks(0);
      group.tick(1);
      expect(group.inTransit({ type: 'RequestVote' })).to.deep.equal([]);
      group.writeDisk(1);
      expect(group.inTransit({ type: 'RequestVote' })).to.have.length(2);
    });

    it('sends entries before they are on its own disk', () => {
      const group = Group.of(3);
      group.elect(0);
      group.holdDisk(0);
      group.propose(0, 'x');
      expect(group.inTransit({ type: 'AppendEntries' })).to.have.length(2);
    });

    it('commits without its own disk when a majority of the others has the entry', () => {
      const group = Group.of(3);
      group.elect(0);
      group.holdDisk(0);
      group.propose(0, 'x');
      group.deliver({ to: 1 });
      group.deliver({ from: 1 });
      expect(group.applied(0), 'one disk of three').to.equal('');
      group.deliverAll();
      expect(group.applied(0), 'two of three').to.equal('x');
    });

    it('counts its own disk only once it has written', () => {
      const group = Group.of(3);
      group.elect(0);
      group.crash(2);
      group.holdDisk(0);
      group.propose(0, 'x');
      group.deliverAll();
      expect(group.applied(0)).to.equal('');
      group.writeDisk(0);
      expect(group.applied(0)).to.equal('x');
    });

    it('does not count what a follower has not written', () => {
      const group = Group.of(3);
      group.elect(0);
      group.crash(2);
      group.holdDisk(1);
      group.propose(0, 'x');
      group.run(HEARTBEAT_MS);
      expect(group.applied(0), 'heartbeats are answered for what is on disk').to.equal('');
      group.writeDisk(1);
      group.deliverAll();
      expect(group.applied(0)).to.equal('x');
    });
  });
});
