/**
 * How fast a leader sends its log: pipelined within limits where it knows what the follower has, one message at a
 * time where it does not (thesis 10.2.1, and the states of progress.ts).
 */

import { expect } from 'chai';
import { InvariantError } from '../../src/raft/assert.js';
import type { AppendEntries } from '../../src/raft/types.js';
import { Group } from '../support/raft/group.js';
import { allOf, textOfLog } from '../support/raft/messages.js';
import { HEARTBEAT_MS, type ServerOptions } from '../support/raft/server.js';

describe('flow control', () => {
  function led(options: ServerOptions): Group {
    const group = Group.of(3, options);
    group.elect(0);
    return group;
  }

  function proposeMany(group: Group, count: number, payload = 'x'): void {
    for (let i = 0; i < count; i += 1) group.propose(0, payload);
  }

  function toFollower(group: Group, id: number): readonly AppendEntries[] {
    return allOf('AppendEntries', group.inTransit({ to: id }));
  }

  function bytesTo(group: Group, id: number): number {
    const all = toFollower(group, id).flatMap((request) => request.entries);
    return all.reduce((sum, { payload }) => sum + payload.byteLength, 0);
  }

  it('sends what is proposed without waiting for answers', () => {
    const group = led({});
    proposeMany(group, 10);
    expect(toFollower(group, 1)).to.have.length(10);
  });

  it('never has more messages with entries on their way to a follower than the limit', () => {
    const group = led({ maxInflightMessages: 3 });
    proposeMany(group, 10);
    expect(toFollower(group, 1)).to.have.length(3);
    expect(toFollower(group, 2)).to.have.length(3);
  });

  it('sends no more while as many bytes as the limit are on their way', () => {
    const group = led({ maxInflightBytes: 20, maxAppendBytes: 20 });
    proposeMany(group, 10, '0123456789');
    expect(bytesTo(group, 1)).to.equal(20);
  });

  it('puts entries that had to wait into one message, as far as its limit allows', () => {
    const group = led({ maxInflightMessages: 1, maxAppendBytes: 3 });
    proposeMany(group, 10);
    group.deliver({ to: 1 });
    group.deliver({ from: 1 });
    expect(toFollower(group, 1).map(({ entries }) => textOfLog(entries))).to.deep.equal(['1:x 1:x 1:x']);
  });

  it('frees what is answered, one by one or several at once', () => {
    const group = led({ maxInflightMessages: 3, maxAppendBytes: 1 });
    proposeMany(group, 10);
    group.deliver({ to: 1 });
    const answers = group.drop({ from: 1 });
    group.inject(...answers.slice(0, 1));
    group.deliver({ from: 1 });
    expect(toFollower(group, 1), 'one answered').to.have.length(1);
    group.inject(...answers.slice(2));
    group.deliver({ from: 1 });
    expect(toFollower(group, 1), 'the last of three answers for all').to.have.length(3);
  });

  it('brings everything over in the end, however narrow the limits', () => {
    const group = led({ maxInflightMessages: 1, maxInflightBytes: 1, maxAppendBytes: 1 });
    proposeMany(group, 50, 'many bytes');
    group.deliverAll();
    expect(group.commitIndex(0)).to.equal(51);
    expect(group.log(2)).to.equal(group.log(0));
  });

  describe('with a log of which the oldest entries are on the disk alone', () => {
    /** Server 2 has missed 50 entries, the first of which its leader has not in memory. */
    function lagging(options: ServerOptions = {}): Group {
      const group = led({ maxLogCacheBytes: 1, maxAppendBytes: 10, ...options });
      group.deliverAll();
      group.isolate(2);
      for (let i = 0; i < 50; i += 1) group.agree(0, `${i}`);
      expect(group.raft(0).entries(1, 40)).to.have.length(0);
      group.heal();
      return group;
    }

    it('reads what a follower lacks, and sends it in messages as large as others', () => {
      const group = lagging();
      group.run(5 * HEARTBEAT_MS);
      expect(group.applied(2)).to.equal(group.applied(0));
      expect(group.commitIndex(2)).to.equal(group.commitIndex(0));
    });

    it('goes on with what is in memory, and with what comes in meanwhile', () => {
      const group = lagging({ maxLogCacheBytes: 5_000 });
      group.run(HEARTBEAT_MS);
      group.propose(0, 'new');
      group.run(5 * HEARTBEAT_MS);
      expect(group.applied(2)).to.equal(group.applied(0));
    });

    it('sends no more than the limits allow', () => {
      const group = lagging({ maxInflightMessages: 2 });
      group.advance(HEARTBEAT_MS);
      while (toFollower(group, 2).every(({ entries }) => entries.length === 0)) group.deliver();
      group.deliver({ from: 2 });
      group.advance(1);
      expect(toFollower(group, 2).filter(({ entries }) => entries.length > 0)).to.have.length(2);
    });

    it('has one read of a follower under way, and sends nothing of one that comes after a snapshot', () => {
      const group = lagging();
      group.holdReads(0);
      group.run(3 * HEARTBEAT_MS);
      expect(group.server(0).heldReads).to.have.length(1);
      group.compact(0);
      group.freeReads(0);
      group.run(10 * HEARTBEAT_MS);
      expect(group.applied(2)).to.equal(group.applied(0));
    });

    it('has no use for what is read after it has led', () => {
      const group = lagging();
      group.holdReads(0);
      group.run(3 * HEARTBEAT_MS);
      group.isolate(0);
      group.elect(1);
      group.heal();
      group.run(2 * HEARTBEAT_MS);
      group.freeReads(0);
      expect(group.inTransit({ from: 0, type: 'AppendEntries' })).to.deep.equal([]);
    });

    it('does not send what is not in its log', () => {
      const group = lagging();
      group.holdReads(0);
      group.run(3 * HEARTBEAT_MS);
      const [read] = group.server(0).heldReads;
      const wrong = { index: read?.from ?? 0, term: 7, payload: new Uint8Array() };
      expect(() => group.raft(0).entriesRead(read?.readId ?? 0, [wrong], group.nowMs)).to.throw(
        InvariantError,
      );
    });
  });

  it('sends an entry that is larger than every limit', () => {
    const group = led({ maxInflightBytes: 10, maxAppendBytes: 5 });
    group.agree(0, 'a payload of more than ten bytes');
    expect(group.applied(2)).to.equal('a payload of more than ten bytes');
  });

  it('lets a slow follower stop neither the commit nor the others', () => {
    const group = led({ maxInflightMessages: 2 });
    for (let i = 0; i < 20; i += 1) {
      group.propose(0, `${i}`);
      group.deliver({ to: 1 });
      group.deliver({ from: 1 });
    }
    expect(group.commitIndex(0)).to.equal(21);
    expect(toFollower(group, 2)).to.have.length(2);
  });

  it('goes on as soon as the slow follower does', () => {
    const group = led({ maxInflightMessages: 2 });
    group.holdDisk(2);
    proposeMany(group, 20);
    group.deliverAll();
    expect(group.log(2)).to.equal('1:- 1:x 1:x');
    group.freeDisk(2);
    group.deliverAll();
    expect(group.log(2)).to.equal(group.log(0));
  });

  it('finds lost entries by the next heartbeat', () => {
    const group = led({});
    proposeMany(group, 5);
    group.drop({ to: 1 });
    group.propose(0, 'y');
    group.run(HEARTBEAT_MS);
    expect(group.log(1)).to.equal(group.log(0));
  });

  it('finds lost entries by the next heartbeat when the limit is reached, too', () => {
    const group = led({ maxInflightMessages: 2 });
    proposeMany(group, 5);
    group.drop({ to: 1 });
    group.run(HEARTBEAT_MS);
    expect(group.log(1)).to.equal(group.log(0));
  });

  it('finds lost answers by the next heartbeat', () => {
    const group = led({ maxInflightMessages: 2 });
    proposeMany(group, 5);
    group.deliver({ from: 0 });
    group.drop({ to: 0 });
    group.run(HEARTBEAT_MS);
    expect(group.commitIndex(0)).to.equal(6);
  });

  it('pipelines from the first turn of a term on, before any follower has answered', () => {
    const group = Group.of(3);
    group.win(0);
    proposeMany(group, 3);
    expect(toFollower(group, 1).flatMap(({ entries }) => entries)).to.have.length(4);
  });

  it('probes with one message at a time', () => {
    const group = led({ maxAppendBytes: 1 });
    group.isolate(2);
    group.run(HEARTBEAT_MS);
    group.heal();
    group.openLinks(2);
    proposeMany(group, 10);
    expect(toFollower(group, 2)).to.have.length(1);
    group.advance(HEARTBEAT_MS);
    const [, heartbeat, ...more] = toFollower(group, 2);
    expect(heartbeat?.entries, 'a heartbeat asks the same').to.deep.equal([]);
    expect(more).to.deep.equal([]);
    group.deliverAll();
    expect(group.log(2)).to.equal(group.log(0));
  });

  it('probes again once the link to a follower is new', () => {
    const group = led({ maxInflightMessages: 2 });
    proposeMany(group, 5);
    group.drop();
    group.restart(1);
    group.openLinks(1);
    group.advance(1);
    group.deliverAll();
    expect(group.log(1)).to.equal(group.log(0));
  });

  it('moves a follower’s log on when messages arrive in the opposite order', () => {
    const group = led({ maxAppendBytes: 1 });
    proposeMany(group, 10);
    group.inject(...[...group.drop()].reverse());
    group.deliverAll();
    group.run(2 * HEARTBEAT_MS);
    for (const id of [1, 2]) expect(group.log(id)).to.equal(group.log(0));
  });

  describe('of proposals', () => {
    it('takes none while as many bytes as the limit are not committed', () => {
      const group = led({ maxUncommittedBytes: 10 });
      group.isolate(0);
      expect(group.propose(0, '0123456789')).to.not.equal(undefined);
      expect(group.raft(0).proposalRefusal).to.equal('too much uncommitted');
      expect(group.propose(0, 'x')).to.equal(undefined);
      expect(group.log(0)).to.equal('1:- 1:0123456789');
      group.heal();
      group.run(HEARTBEAT_MS);
      expect(group.raft(0).proposalRefusal, 'all is committed').to.equal(undefined);
      expect(group.propose(0, 'x')).to.deep.equal({ index: 3, term: 1 });
    });

    it('takes one of any size when all is committed', () => {
      const group = led({ maxUncommittedBytes: 1 });
      group.agree(0, 'many bytes', 'and many more');
      expect(group.applied(2)).to.equal('many bytes');
      group.agree(0, 'and many more');
      expect(group.applied(2)).to.equal('many bytes and many more');
    });

    it('counts neither what earlier leaders left nor the no-op', () => {
      const group = Group.withLogs(['1:aaaa 1:bbbb', '', ''], { maxUncommittedBytes: 4 });
      group.win(0);
      expect(group.raft(0).commitIndex).to.equal(0);
      expect(group.propose(0, 'cc')).to.not.equal(undefined);
      expect(group.propose(0, 'dd')).to.not.equal(undefined);
      expect(group.propose(0, 'ee')).to.equal(undefined);
      group.deliverAll();
      expect(group.raft(0).commitIndex).to.equal(5);
      expect(group.propose(0, 'ee')).to.not.equal(undefined);
      expect(group.propose(0, 'ff')).to.not.equal(undefined);
      expect(group.raft(0).proposalRefusal).to.equal('too much uncommitted');
    });
  });
});
