/**
 * Linearizable reads (thesis 6.4) where no lease is held: the leader asks a majority whether it still leads.
 */

import { expect } from 'chai';
import type { Raft } from '../../src/raft/raft.js';
import { Group } from '../support/raft/group.js';
import { allOf } from '../support/raft/messages.js';
import { ELECTION_TIMEOUT_MS, HEARTBEAT_MS } from '../support/raft/server.js';

describe('reads', () => {
  function led(count: number): Group {
    const group = Group.of(count, { leaseMs: 0 });
    group.elect(0);
    return group;
  }

  it('are confirmed by one round of heartbeats', () => {
    const group = led(3);
    const read = group.read(0);
    expect(read.outcome).to.equal('waiting');
    const sent = group.sentDuring(() => group.deliverAll());
    expect(read).to.include({ outcome: 'confirmed', index: 1 });
    expect(sent.map(({ type }) => type)).to.deep.equal(['AppendEntriesResponse', 'AppendEntriesResponse']);
  });

  it('of one turn share a round', () => {
    const group = led(5);
    const reads: { readonly outcome: string }[] = [];
    const sent = group.server(0).turn(() => {
      for (let count = 0; count < 100; count += 1) reads.push(group.server(0).read());
    });
    expect(allOf('AppendEntries', sent)).to.have.length(4);
    group.inject(...sent);
    group.deliverAll();
    for (const { outcome } of reads) expect(outcome).to.equal('confirmed');
  });

  it('see everything that was committed before they came', () => {
    const group = led(3);
    group.agree(0, 'x', 'y');
    const read = group.read(0);
    group.deliverAll();
    expect(read.index).to.equal(3);
  });

  it('do not wait for entries that are not committed', () => {
    const group = led(3);
    group.holdDisk(1);
    group.holdDisk(2);
    group.propose(0, 'x');
    group.deliverAll();
    const read = group.read(0);
    group.deliverAll();
    expect(read).to.include({ outcome: 'confirmed', index: 1 });
  });

  it('are confirmed only by answers to a round sent after they came in', () => {
    const group = led(3);
    group.advance(HEARTBEAT_MS);
    group.deliver({ from: 0 });
    const read = group.read(0);
    group.drop({ from: 0 });
    group.deliverAll();
    expect(read.outcome, 'what was answered may have been sent before another leader’s writes').to.equal(
      'waiting',
    );
  });

  it('need a majority', () => {
    const group = led(5);
    const read = group.read(0);
    group.deliver({ to: 1 });
    group.deliver({ from: 1 });
    expect(read.outcome, 'two of five').to.equal('waiting');
    group.deliver({ to: 2 });
    group.deliver({ from: 2 });
    expect(read.outcome).to.equal('confirmed');
  });

  it('are confirmed by a later round when theirs is lost', () => {
    const group = led(3);
    const read = group.read(0);
    group.drop();
    group.run(HEARTBEAT_MS);
    expect(read.outcome).to.equal('confirmed');
  });

  it('are confirmed by a later round when the answers are lost', () => {
    const group = led(3);
    const read = group.read(0);
    group.deliver({ from: 0 });
    group.drop({ to: 0 });
    group.run(HEARTBEAT_MS);
    expect(read.outcome).to.equal('confirmed');
  });

  it('wait, at a new leader, for the entry that begins its term', () => {
    const group = Group.withLogs(['1:a', '1:a', '1:a'], { leaseMs: 0 });
    group.win(0);
    const read = group.read(0);
    group.deliver({ to: 1 });
    expect(read.outcome).to.equal('waiting');
    group.deliverAll();
    expect(read).to.include({ outcome: 'confirmed', index: 2 });
  });

  it('do not wait, at a new leader, for what was proposed after them', () => {
    const group = Group.withLogs(['1:a', '1:a', '1:a'], { leaseMs: 0 });
    group.win(0);
    const read = group.read(0);
    group.drop();
    group.propose(0, 'x');
    group.run(HEARTBEAT_MS);
    expect(group.raft(0).commitIndex, 'all committed at once').to.equal(3);
    expect(read).to.include({ outcome: 'confirmed', index: 2 });
  });

  it('fail when the leader steps down, whatever they waited for', () => {
    const group = led(3);
    group.isolate(0);
    const read = group.read(0);
    group.run(ELECTION_TIMEOUT_MS + HEARTBEAT_MS);
    expect(group.raft(0).role).to.equal('follower');
    expect(read.outcome).to.equal('failed');

    const fresh = Group.of(3, { leaseMs: 0 });
    fresh.win(0);
    fresh.drop();
    const early = fresh.read(0);
    fresh.isolate(0);
    fresh.run(ELECTION_TIMEOUT_MS + HEARTBEAT_MS);
    expect(early.outcome).to.equal('failed');
  });

  it('fail when a later term is learned of', () => {
    const group = led(3);
    group.isolate(0);
    group.elect(1);
    const read = group.read(0);
    group.heal();
    group.propose(0, 'too late');
    group.deliverAll();
    expect(read.outcome).to.equal('failed');
  });

  it('are told apart by the round they wait for, even under one number (etcd 20418)', () => {
    const group = led(3);
    const confirmed: number[] = [];
    const turn = (act: (raft: Raft, nowMs: number) => void) => {
      const { raft } = group.server(0);
      act(raft, group.nowMs);
      raft.sendDue();
      const output = raft.takeOutput();
      confirmed.push(...output.confirmedReads.map(({ readId }) => readId));
      group.inject(...output.messages);
    };
    turn((raft, nowMs) => raft.read(7, nowMs));
    group.deliver({ to: 1 });
    const [late] = group.drop({ from: 1 });
    group.drop();
    if (late === undefined) throw new Error('server 1 did not answer');
    turn((raft, nowMs) => raft.read(7, nowMs));
    turn((raft, nowMs) => raft.step(late, nowMs));
    expect(confirmed, 'the late answer is to the first').to.deep.equal([7]);
    group.deliver({ to: 1 });
    for (const answer of group.drop({ from: 1 })) turn((raft, nowMs) => raft.step(answer, nowMs));
    expect(confirmed).to.deep.equal([7, 7]);
  });

  it('that a deposed leader could not confirm do not stop those that come when it leads again (etcd 9566)', () => {
    const group = led(3);
    group.isolate(0);
    group.cut(1, 2);
    const lost = group.read(0);
    group.run(ELECTION_TIMEOUT_MS + HEARTBEAT_MS);
    expect(lost.outcome).to.equal('failed');
    group.heal();
    group.elect(0);
    const read = group.read(0);
    group.deliverAll();
    expect(read.outcome).to.equal('confirmed');
    expect(lost.outcome).to.equal('failed');
  });

  it('need nobody where there is nobody else', () => {
    expect(led(1).read(0).outcome).to.equal('confirmed');
  });

  it('are confirmed while a follower is behind', () => {
    const group = led(3);
    group.isolate(2);
    group.agree(0, 'x');
    const read = group.read(0);
    group.deliverAll();
    expect(read).to.include({ outcome: 'confirmed', index: 2 });
  });
});
