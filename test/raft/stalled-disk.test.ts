import { expect } from 'chai';
import { Group } from '../support/raft/group.js';
import { ELECTION_TIMEOUT_MS, HEARTBEAT_MS } from '../support/raft/server.js';

describe('a leader whose disk is stalled', () => {
  function withHeldLeader(count = 3): Group {
    const group = Group.of(count);
    group.elect(0);
    group.agree(0, 'x');
    group.holdDisk(0);
    return group;
  }

  it('hands over after an election timeout, to one that has its whole log', () => {
    const group = withHeldLeader();
    group.propose(0, 'y');
    group.run(ELECTION_TIMEOUT_MS - 1);
    expect(group.leader).to.equal(0);
    group.run(HEARTBEAT_MS);
    expect(group.leader).to.be.oneOf([1, 2]);
    expect(group.raft(0)).to.include({ role: 'follower', currentTerm: 2 });
  });

  it('hands over as soon under load, when its followers always lack its last entries', () => {
    const group = withHeldLeader();
    const sinceMs = group.nowMs;
    while (group.leader === 0 && group.nowMs < sinceMs + 10 * ELECTION_TIMEOUT_MS) {
      const before = group.inTransit();
      group.propose(0, 'y');
      group.advance(1);
      // What was sent before arrives; what was sent in this turn is still on its way at the next tick.
      const late = group.inTransit().filter((message) => !before.includes(message));
      group.drop();
      group.inject(...before);
      group.deliverAll();
      group.inject(...late);
    }
    expect(group.nowMs - sinceMs).to.be.at.most(ELECTION_TIMEOUT_MS + HEARTBEAT_MS);
  });

  it('proposes no more than the limit of what is not on its disk, though others commit it', () => {
    const group = Group.of(3, { maxUncommittedBytes: 10 });
    group.elect(0);
    group.holdDisk(0);
    for (let ms = 0; ms < ELECTION_TIMEOUT_MS / 2; ms += 1) {
      group.propose(0, 'y');
      group.run(1);
    }
    expect(group.raft(0).lastLog.index).to.equal(1 + 10);
    expect(group.commitIndex(0)).to.equal(1 + 10);
    expect(group.raft(0).proposalRefusal).to.equal('too much uncommitted');
    group.freeDisk(0);
    expect(group.raft(0).proposalRefusal).to.equal(undefined);
  });

  it('takes proposals again once its disk answers', () => {
    const group = withHeldLeader();
    for (const other of [1, 2]) group.holdDisk(other);
    group.propose(0, 'y');
    group.run(ELECTION_TIMEOUT_MS);
    expect(group.propose(0, 'z')).to.equal(undefined);
    expect(group.raft(0).proposalRefusal).to.equal('own disk stalled');
    group.freeDisk(0);
    expect(group.propose(0, 'z')).to.not.equal(undefined);
  });

  it('stays when it has asked nothing of its disk', () => {
    const group = withHeldLeader();
    group.run(3 * ELECTION_TIMEOUT_MS);
    expect(group.leader).to.equal(0);
  });

  it('stays while its disk is slow, and answers each time within an election timeout', () => {
    const group = withHeldLeader();
    for (let write = 0; write < 5; write += 1) {
      group.propose(0, 'y');
      group.propose(0, 'z');
      group.run(ELECTION_TIMEOUT_MS - 5);
      group.writeDisk(0, 1);
      group.run(1);
    }
    expect(group.leader).to.equal(0);
  });

  it('stays while a majority of the others has a stalled disk, too, and serves reads', () => {
    const group = withHeldLeader();
    group.holdDisk(1);
    group.propose(0, 'y');
    group.run(10 * ELECTION_TIMEOUT_MS);
    expect(group.leader).to.equal(0);
    expect(group.read(0).outcome).to.equal('confirmed');
  });

  it('stays when it is alone', () => {
    const group = withHeldLeader(1);
    group.propose(0, 'y');
    group.run(3 * ELECTION_TIMEOUT_MS);
    expect(group.leader).to.equal(0);
  });

  it('hands over although another one lacks what only that disk has', () => {
    const group = Group.of(3, { maxLogCacheBytes: 1 });
    group.elect(0);
    group.isolate(2);
    group.agree(0, 'x', 'y');
    group.holdReads(0);
    group.holdDisk(0);
    group.heal();
    group.propose(0, 'z');
    group.run(ELECTION_TIMEOUT_MS + 2 * HEARTBEAT_MS);
    expect(group.leader).to.equal(1);
    group.run(HEARTBEAT_MS);
    expect(group.log(2)).to.equal(group.log(1));
  });

  it('hands over although another one needs a snapshot, which only that disk has', () => {
    const group = Group.of(3);
    group.elect(0);
    group.isolate(2);
    group.agree(0, 'x', 'y');
    group.compact(0);
    group.holdReads(0);
    group.holdDisk(0);
    group.heal();
    group.propose(0, 'z');
    group.run(ELECTION_TIMEOUT_MS + 2 * HEARTBEAT_MS);
    expect(group.leader).to.equal(1);
    group.run(HEARTBEAT_MS);
    expect(group.log(2)).to.equal(group.log(1));
  });

  it('stays while that other one is not heard', () => {
    const group = Group.of(3, { maxLogCacheBytes: 1 });
    group.elect(0);
    group.isolate(2);
    group.agree(0, 'x', 'y');
    group.holdReads(0);
    group.heal();
    group.run(HEARTBEAT_MS);
    group.isolate(2);
    group.holdDisk(0);
    group.propose(0, 'z');
    group.run(5 * ELECTION_TIMEOUT_MS);
    expect(group.leader).to.equal(0);
  });

  it('asks another when the first does not take over', () => {
    const group = withHeldLeader(5);
    group.propose(0, 'y');
    group.run(ELECTION_TIMEOUT_MS - 1);
    group.advance(1);
    const [asked, ...more] = group.inTransit({ type: 'TimeoutNow' });
    expect(more, 'it is asked once').to.deep.equal([]);
    group.crash(asked?.to ?? 0);
    group.runUntil(() => group.leader !== 0, 3 * ELECTION_TIMEOUT_MS);
    expect(group.leader).to.not.equal(asked?.to);
  });
});

describe('a server that does not lead, and whose disk is stalled', () => {
  it('answers heartbeats of a leader whose term it has on disk, and acknowledges nothing that it has not', () => {
    const group = Group.of(3);
    group.elect(0);
    group.agree(0, 'x');
    group.holdDisk(1);
    group.crash(2);
    group.propose(0, 'y');
    group.run(10 * ELECTION_TIMEOUT_MS);
    expect(group.leader).to.equal(0);
    expect(group.commitIndex(0)).to.equal(2);
  });

  it('does not campaign, nor say who leads, when the leader is gone', () => {
    const group = Group.of(3);
    group.elect(0);
    group.holdDisk(1);
    group.propose(0, 'y');
    group.run(ELECTION_TIMEOUT_MS);
    group.crash(0);
    group.crash(2);
    group.run(5 * ELECTION_TIMEOUT_MS);
    expect(group.raft(1)).to.include({ role: 'follower', currentTerm: 1, leader: undefined });
  });

  it('campaigns again once its disk answers', () => {
    const group = Group.of(3);
    group.elect(0);
    group.crash(2);
    group.holdDisk(1);
    group.propose(0, 'y');
    group.run(ELECTION_TIMEOUT_MS);
    group.crash(0);
    group.run(3 * ELECTION_TIMEOUT_MS);
    group.freeDisk(1);
    group.restart(2);
    group.runUntil(() => group.leader === 1);
  });

  it('does not take over when it is asked to', () => {
    const group = Group.of(3);
    group.elect(0);
    group.holdDisk(1);
    group.propose(0, 'y');
    group.run(2 * ELECTION_TIMEOUT_MS);
    group.inject({ type: 'TimeoutNow', from: 0, to: 1, term: 1 });
    group.deliverAll();
    expect(group.raft(1).currentTerm).to.equal(1);
  });

  it('holds no more answers, however long its disk is stalled', () => {
    const group = Group.of(5);
    group.elect(0);
    group.holdDisk(1);
    group.win(2);
    group.run(50 * ELECTION_TIMEOUT_MS);
    const answers = group.sentDuring(() => group.freeDisk(1));
    expect(answers.length).to.be.below(20);
    expect(group.raft(1)).to.include({ leader: 2 });
  });
});
