/**
 * The leader's lease (thesis 6.4.1), and the traps others fell into with it. A lease is sound only if no other
 * leader can be elected while it runs: each test takes one way in which one could.
 */

import { expect } from 'chai';
import { Disk } from '../support/raft/disk.js';
import { Group } from '../support/raft/group.js';
import {
  allOf,
  appendEntries,
  appendEntriesResponse,
  entries,
  requestVote,
} from '../support/raft/messages.js';
import { ELECTION_TIMEOUT_MS, HEARTBEAT_MS, Server } from '../support/raft/server.js';

describe('the leader’s lease', () => {
  const COUNT = 3;

  /** Whether a server would vote for a candidate with an excellent log. */
  function wouldVote(server: Server, from: number, term: number): boolean {
    const request = requestVote({ from, to: server.id, term, lastLogIndex: 99, lastLogTerm: term - 1 });
    return allOf('RequestVoteResponse', server.receive(request)).some(({ voteGranted }) => voteGranted);
  }

  it('answers reads without a message', () => {
    const group = Group.of(COUNT);
    group.elect(0);
    const sent = group.sentDuring(() => {
      expect(group.read(0).outcome).to.equal('confirmed');
    });
    expect(sent).to.deep.equal([]);
  });

  it('ends T after the heartbeat which a majority answered was sent', () => {
    const group = Group.of(COUNT);
    group.elect(0);
    const electedMs = group.nowMs;
    expect(group.raft(0).leaseEndMs).to.equal(electedMs + ELECTION_TIMEOUT_MS);
    group.isolate(0);
    group.run(ELECTION_TIMEOUT_MS - 1);
    expect(group.read(0).outcome).to.equal('confirmed');
    group.run(1);
    expect(group.read(0).outcome).not.to.equal('confirmed');
  });

  it('runs from when the acknowledged heartbeat was sent, not from when the answer came', () => {
    const group = Group.of(COUNT);
    group.elect(0);
    group.advance(HEARTBEAT_MS);
    const sentMs = group.nowMs;
    group.deliver({ from: 0 });
    group.advance(HEARTBEAT_MS / 2);
    group.deliver({ to: 0 });
    expect(group.raft(0).leaseEndMs).to.equal(sentMs + ELECTION_TIMEOUT_MS);
  });

  it('is over before the first of those who granted it may vote for another', () => {
    const group = Group.of(COUNT);
    group.elect(0);
    const { leaseEndMs } = group.raft(0);
    group.advance(leaseEndMs - group.nowMs - 1);
    expect(wouldVote(group.server(1), 2, 2)).to.equal(false);
    group.advance(1);
    expect(group.read(0).outcome).not.to.equal('confirmed');
    expect(wouldVote(group.server(1), 2, 2)).to.equal(true);
  });

  it('needs the answers of a majority', () => {
    const group = Group.of(5);
    group.elect(0);
    const electedMs = group.nowMs;
    group.partition([0, 1]);
    group.run(HEARTBEAT_MS);
    expect(group.raft(0).leaseEndMs).to.equal(electedMs + ELECTION_TIMEOUT_MS);
  });

  it('restarted follower grants no vote for one full election timeout', () => {
    const server = new Server(0, COUNT, { disk: Disk.holding(entries('1:a')) });
    server.pass(ELECTION_TIMEOUT_MS - 1);
    expect(wouldVote(server, 1, 2)).to.equal(false);
    server.pass(1);
    expect(wouldVote(server, 1, 2)).to.equal(true);
  });

  it('restarted follower does not campaign for one full election timeout', () => {
    const server = new Server(0, COUNT, { disk: Disk.holding(entries('1:a')) });
    server.turn((raft, nowMs) => raft.linkClosed(1, nowMs));
    server.pass(ELECTION_TIMEOUT_MS - 1);
    expect(server.raft.role).to.equal('follower');
  });

  it('restarted follower may have given a vote lease just before it went down', () => {
    const group = Group.of(COUNT);
    group.elect(0);
    group.restart(1);
    group.isolate(0);
    expect(wouldVote(group.server(1), 2, 2)).to.equal(false);
    expect(group.read(0).outcome).to.equal('confirmed');
  });

  it('a fresh server, which has heard no leader yet, votes at once', () => {
    expect(wouldVote(new Server(0, COUNT), 1, 1)).to.equal(true);
  });

  it('a server that went down with all others votes at once, and campaigns sooner', () => {
    const options = { leasesAreOver: true };
    const restarted = () => new Server(0, COUNT, { disk: Disk.holding(entries('1:a')), options });
    expect(wouldVote(restarted(), 1, 2)).to.equal(true);
    const server = restarted();
    server.pass(ELECTION_TIMEOUT_MS - 1);
    expect(server.raft.role).to.equal('precandidate');
  });

  it('a server alone leads at once, and again after a restart', () => {
    const group = Group.of(1);
    group.run(1);
    expect(group.leader).to.equal(0);
    group.restart(0);
    group.run(1);
    expect(group.leader).to.equal(0);
  });

  it('after TimeoutNow was sent, it is gone for the rest of the term', () => {
    const group = Group.of(COUNT);
    group.elect(0);
    group.transfer(0, 2);
    expect(group.inTransit({ type: 'TimeoutNow' })).to.have.length(1);
    expect(group.raft(0).leaseEndMs).to.equal(Number.NEGATIVE_INFINITY);
    expect(group.read(0).outcome).to.equal('waiting');
  });

  it('stays gone when the transfer fails', () => {
    const group = Group.of(COUNT);
    group.elect(0);
    group.transfer(0, 2);
    group.drop({ type: 'TimeoutNow' });
    group.crash(2);
    group.run(10 * ELECTION_TIMEOUT_MS);
    expect(group.raft(0)).to.include({ role: 'leader', proposalRefusal: undefined });
    expect(group.raft(0).leaseEndMs).to.equal(Number.NEGATIVE_INFINITY);
    group.transfer(0, 0);
    expect(group.raft(0).leaseEndMs).to.equal(Number.NEGATIVE_INFINITY);

    const read = group.read(0);
    expect(read.outcome, 'reads are answered by asking').to.equal('waiting');
    group.deliverAll();
    expect(read.outcome).to.equal('confirmed');
  });

  it('lasts while a transfer waits for a successor that lags', () => {
    const group = Group.of(COUNT);
    group.elect(0);
    group.isolate(2);
    group.agree(0, 'x');
    group.transfer(0, 2);
    expect(group.read(0).outcome).to.equal('confirmed');
  });

  it('a new leader serves no read before an entry of its own term is committed', () => {
    const group = Group.withLogs(['1:a', '1:a', '1:a']);
    group.win(0);
    // Heartbeats are answered, but the no-op does not get through.
    group.drop();
    group.holdDisk(1);
    group.holdDisk(2);
    group.advance(HEARTBEAT_MS);
    group.deliver();
    group.deliver();
    expect(group.raft(0).leaseEndMs).to.be.greaterThan(group.nowMs);
    expect(group.raft(0).isServing).to.equal(false);
    const read = group.read(0);
    expect(read.outcome).to.equal('waiting');

    group.freeDisk(1);
    group.freeDisk(2);
    group.run(HEARTBEAT_MS);
    expect(read).to.include({ outcome: 'confirmed', index: 2 });
  });

  it('a vote lease survives the learning of a higher term by other means', () => {
    const server = new Server(0, COUNT);
    server.receive(appendEntries({ from: 1, term: 1 }));
    server.receive(appendEntriesResponse({ from: 2, term: 5, result: { outcome: 'stale' } }));
    expect(server.raft).to.include({ currentTerm: 5, leader: undefined });
    server.pass(ELECTION_TIMEOUT_MS - 1);
    expect(wouldVote(server, 2, 5), 'in that term').to.equal(false);
    expect(wouldVote(server, 2, 6), 'or a later one').to.equal(false);
    server.pass(1);
    expect(wouldVote(server, 2, 6)).to.equal(true);
  });

  it('is not granted by an answer to an earlier term of the same leader', () => {
    const group = Group.of(COUNT);
    group.elect(0);
    group.advance(HEARTBEAT_MS);
    group.deliver({ from: 0 });
    const late = group.drop({ to: 0 });
    group.elect(1);
    group.win(0);
    group.drop();
    group.inject(...late);
    group.deliverAll();
    expect(group.raft(0).leaseEndMs).to.equal(Number.NEGATIVE_INFINITY);
  });

  it('is not taken at all where the option says 0', () => {
    const group = Group.of(COUNT, { leaseMs: 0 });
    group.elect(0);
    expect(group.raft(0).leaseEndMs).to.equal(Number.NEGATIVE_INFINITY);
    expect(group.read(0).outcome).to.equal('waiting');
  });

  describe('when a link closes', () => {
    it('linkClosed of the leader ends the vote lease and lets a successor be elected within milliseconds', () => {
      const group = Group.of(COUNT);
      group.elect(0);
      group.run(10 * HEARTBEAT_MS);
      group.crash(0);
      group.closeLinks(0);
      const startMs = group.nowMs;
      group.runUntil(() => group.leader !== undefined);
      expect(group.nowMs - startMs).to.be.at.most(6);
    });

    it('leaves the leader unknown at once, before anybody is elected: no client is sent to it', () => {
      const group = Group.of(COUNT);
      group.elect(0);
      group.run(10 * HEARTBEAT_MS);
      group.crash(0);
      for (const id of [1, 2]) {
        expect(group.raft(id).leader).to.equal(0);
        group.server(id).turn((raft, nowMs) => raft.linkClosed(0, nowMs));
        expect(group.raft(id).leader).to.equal(undefined);
      }
    });

    it('has the next server in the ring campaign first, and elects it without a split vote', () => {
      for (const [dead, next] of [
        [0, 1],
        [1, 2],
        [2, 0],
      ] as const) {
        const group = Group.of(COUNT);
        group.elect(dead);
        group.run(10 * HEARTBEAT_MS);
        const { currentTerm } = group.raft(dead);
        group.crash(dead);
        for (const id of [0, 1, 2]) group.server(id).random = 0.999;
        group.closeLinks(dead);
        const startMs = group.nowMs;
        group.runUntil(() => group.leader !== undefined);
        expect(group.leader).to.equal(next);
        expect(group.raft(next).currentTerm).to.equal(currentTerm + 1);
        expect(group.nowMs - startMs).to.be.at.most(2);
      }
    });

    it('has a server campaign out of turn when one asks for its vote that lacks entries', () => {
      const group = Group.of(COUNT);
      group.elect(0);
      group.isolate(1);
      group.agree(0, 'x');
      group.crash(0);
      group.heal();
      group.closeLinks(0);
      const startMs = group.nowMs;
      group.runUntil(() => group.leader !== undefined);
      expect(group.leader).to.equal(2);
      expect(group.nowMs - startMs).to.be.at.most(3);
    });

    it('has the first in line campaign without asking before, and the others not stand in its way', () => {
      const group = Group.of(COUNT);
      group.elect(0);
      group.crash(0);
      const sent = group.sentDuring(() => {
        group.closeLinks(0);
        group.tick(1);
      });
      expect(sent.map(({ type, from }) => `${type} of ${from}`)).to.deep.equal(
        Array(2).fill('RequestVote of 1'),
      );
      // Messages are slow: the second has its turn before it hears of the first.
      group.advance(6);
      group.deliver({ type: 'PreVote' });
      group.deliverAll();
      expect(group.leader).to.equal(1);
      expect(group.raft(2).currentTerm).to.equal(2);
    });

    it('retries shortly when the first in line is not heard', () => {
      const group = Group.of(COUNT);
      group.elect(0);
      group.crash(0);
      group.isolate(1);
      group.closeLinks(0);
      group.tick(1);
      group.heal();
      expect(group.raft(1).role, 'asked nobody in vain').to.equal('candidate');
      const startMs = group.nowMs;
      group.runUntil(() => group.leader !== undefined);
      expect(group.nowMs - startMs).to.be.below(ELECTION_TIMEOUT_MS / 2);
    });

    it('does not wait for a server that has not noticed, whose notice then changes nothing', () => {
      const group = Group.of(COUNT);
      group.elect(0);
      group.crash(0);
      group.server(1).turn((raft, nowMs) => raft.linkClosed(0, nowMs));
      group.tick(1);
      expect(group.inTransit({ type: 'RequestVote', to: 2 })).to.have.length(1);
      expect(wouldVote(group.server(2), 1, 2), 'without that claim').to.equal(false);
      group.deliver({ type: 'RequestVote' });
      expect(group.raft(2).hardState).to.deep.equal({ currentTerm: 2, votedFor: 1 });
      group.server(2).turn((raft, nowMs) => raft.linkClosed(0, nowMs));
      group.advance(6);
      group.deliverAll();
      expect(group.leader).to.equal(1);
      expect(group.raft(1).currentTerm).to.equal(2);
    });

    it('claims the end of a lease only where the leader of the term before has ended', () => {
      const group = Group.of(5);
      group.elect(0);
      group.crash(0);
      group.isolate(1);
      const sent = group.sentDuring(() => {
        group.closeLinks(0);
        group.runUntil(() => group.leader !== undefined);
        group.heal();
        group.run(5 * ELECTION_TIMEOUT_MS);
      });
      const claims = allOf('RequestVote', sent).filter(({ leaseIsOver }) => leaseIsOver);
      expect(claims.map(({ from, term }) => [from, term])).to.deep.equal(Array(4).fill([1, 2]));
      expect(group.leader).to.equal(2);
    });

    it('slows its retries down to the ordinary timeout while no majority is there', () => {
      const group = Group.of(COUNT);
      group.elect(0);
      group.crash(0);
      group.crash(2);
      group.closeLinks(0);
      group.run(10 * ELECTION_TIMEOUT_MS);
      const sent = group.sentDuring(() => group.run(10 * ELECTION_TIMEOUT_MS));
      expect(allOf('PreVote', sent).length).to.be.at.most(20);
      expect(group.raft(1).currentTerm, 'raised by its first campaign alone').to.equal(2);
    });

    it('linkClosed of another server does not end the vote lease', () => {
      const group = Group.of(COUNT);
      group.elect(0);
      group.isolate(0);
      group.crash(2);
      group.closeLinks(2);
      expect(wouldVote(group.server(1), 2, 2)).to.equal(false);
      group.run(ELECTION_TIMEOUT_MS - 1);
      expect(group.raft(1)).to.include({ role: 'follower', leader: 0 });
    });

    it('linkClosed of the leader before does not end the vote lease of the present one', () => {
      const group = Group.of(COUNT);
      group.elect(0);
      group.elect(1);
      group.crash(0);
      group.closeLinks(0);
      expect(wouldVote(group.server(2), 0, 3)).to.equal(false);
      expect(group.raft(2).leader).to.equal(1);
    });
  });
});
