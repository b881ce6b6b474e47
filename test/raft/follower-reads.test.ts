/** Reads that followers answer (thesis 6.4): the leader tells them how far their state must be. */

import { expect } from 'chai';
import { Group } from '../support/raft/group.js';
import { ELECTION_TIMEOUT_MS, HEARTBEAT_MS } from '../support/raft/server.js';

describe('reads at a follower', () => {
  function led(count: number, options: { leaseMs?: number } = {}): Group {
    const group = Group.of(count, options);
    group.elect(0);
    return group;
  }

  it('are confirmed by the leader, for what is committed there', () => {
    const group = led(3);
    group.propose(0, 'x');
    group.deliver({ to: 2 });
    group.deliver({ from: 2 });
    expect(group.commitIndex(0)).to.equal(2);
    expect(group.commitIndex(1), 'the follower lacks it').to.be.lessThan(2);
    const read = group.read(1);
    group.deliverAll();
    expect(read).to.include({ outcome: 'confirmed', index: 2 });
  });

  it('need not wait for a heartbeat to learn what is committed, nor does what they wait for after it', () => {
    const group = led(3);
    group.propose(0, 'x');
    group.deliverAll();
    expect(group.commitIndex(1), 'nothing tells the follower').to.be.lessThan(2);
    group.read(1);
    group.deliverAll();
    expect(group.commitIndex(1)).to.equal(2);
    group.propose(0, 'stamp');
    group.deliverAll();
    expect(group.commitIndex(1)).to.equal(3);
    group.advance(HEARTBEAT_MS);
    group.propose(0, 'y');
    group.deliverAll();
    expect(group.commitIndex(1), 'it has read nothing for long').to.equal(3);
  });

  it('of one turn share a message', () => {
    const group = led(3);
    const reads: { readonly outcome: string }[] = [];
    const sent = group.server(1).turn(() => {
      for (let count = 0; count < 100; count += 1) reads.push(group.server(1).read());
    });
    expect(sent.map(({ type }) => type)).to.deep.equal(['ReadIndex']);
    group.inject(...sent);
    group.deliverAll();
    for (const { outcome } of reads) expect(outcome).to.equal('confirmed');
  });

  it('are confirmed without a lease once a majority has answered the leader', () => {
    const group = led(3, { leaseMs: 0 });
    const read = group.read(1);
    group.deliver({ type: 'ReadIndex' });
    expect(group.inTransit({ type: 'ReadIndexResponse' })).to.deep.equal([]);
    group.deliverAll();
    expect(read.outcome).to.equal('confirmed');
  });

  it('are not confirmed by a leader that is cut off from a majority', () => {
    const group = led(5, { leaseMs: 0 });
    group.partition([0, 1]);
    const read = group.read(1);
    group.run(ELECTION_TIMEOUT_MS / 2);
    expect(read.outcome).to.equal('waiting');
    group.run(4 * ELECTION_TIMEOUT_MS);
    expect(read.outcome).to.equal('failed');
  });

  it('wait, at a new leader, for the entry that begins its term', () => {
    const group = Group.withLogs(['1:a', '1:a', '1:a']);
    group.win(0);
    group.deliver({ to: 1 });
    const read = group.read(1);
    group.deliver({ type: 'ReadIndex' });
    expect(read.outcome).to.equal('waiting');
    group.deliverAll();
    expect(read).to.include({ outcome: 'confirmed', index: 2 });
  });

  it('are asked for anew when the question or the answer was lost', () => {
    for (const type of ['ReadIndex', 'ReadIndexResponse'] as const) {
      const group = led(3);
      const read = group.read(1);
      if (type === 'ReadIndexResponse') group.deliver({ type: 'ReadIndex' });
      expect(group.drop({ type })).to.have.length(1);
      group.run(2 * HEARTBEAT_MS);
      expect(read.outcome, type).to.equal('confirmed');
    }
  });

  it('are not confirmed by a late answer to a request from before them', () => {
    const group = led(3);
    const first = group.read(1);
    group.deliver({ type: 'ReadIndex' });
    const late = group.drop({ type: 'ReadIndexResponse' });
    group.propose(0, 'x');
    group.deliverAll();
    const second = group.read(1);
    group.drop({ type: 'ReadIndex' });
    group.inject(...late);
    group.deliverAll();
    expect(first).to.include({ outcome: 'confirmed', index: 1 });
    expect(second.outcome).to.equal('waiting');
  });

  it('are not confirmed by an answer to a request from before the follower’s restart', () => {
    const group = led(3);
    group.advance(1);
    group.read(1);
    group.deliver({ type: 'ReadIndex' });
    const late = group.drop({ type: 'ReadIndexResponse' });
    group.restart(1);
    group.run(HEARTBEAT_MS);
    const read = group.read(1);
    group.drop({ type: 'ReadIndex' });
    group.inject(...late);
    group.deliverAll();
    expect(read.outcome).to.equal('waiting');
  });

  it('fail when another leader is followed, and do not stop those after them', () => {
    const group = led(3);
    group.isolate(0);
    const lost = group.read(1);
    group.run(4 * ELECTION_TIMEOUT_MS);
    expect(lost.outcome).to.equal('failed');
    const { leader } = group;
    const follower = leader === 1 ? 2 : 1;
    const read = group.read(follower);
    group.deliverAll();
    expect(read.outcome).to.equal('confirmed');
  });

  it('fail at once while no leader is known', () => {
    expect(Group.of(3).read(1).outcome).to.equal('failed');
  });

  it('are not answered by a server that leads no more', () => {
    const group = led(3);
    const read = group.read(1);
    const asked = group.drop({ type: 'ReadIndex' });
    group.isolate(0);
    group.elect(2);
    group.heal();
    group.inject(...asked);
    group.deliverAll();
    expect(read.outcome).to.not.equal('confirmed');
  });
});
