/**
 * Snapshots between servers (§7, figure 13), in chunks.
 */

import { expect } from 'chai';
import { Disk } from '../support/raft/disk.js';
import { Group } from '../support/raft/group.js';
import {
  allOf,
  appendEntries,
  bytesOf,
  entries,
  installSnapshot,
  textOfLog,
  theOnly,
} from '../support/raft/messages.js';
import { ELECTION_TIMEOUT_MS, HEARTBEAT_MS, Server, type ServerOptions } from '../support/raft/server.js';

/** 19 bytes, thus 5 chunks of 4, of which 3 may be on their way. */
const WORDS = ['aaaa', 'bbbb', 'cccc', 'dddd'];

describe('snapshots', () => {
  /** Server 2 missed everything, the leader has compacted it, and its first chunks are in transit. */
  function sending(options: ServerOptions = {}): Group {
    const group = Group.of(3, options);
    group.elect(0);
    group.isolate(2);
    group.agree(0, ...WORDS);
    group.compact(0);
    group.heal();
    group.advance(HEARTBEAT_MS);
    group.deliver({ to: 2, type: 'AppendEntries' });
    group.deliver({ from: 2 });
    group.drop({ to: 1 });
    return group;
  }

  function offsets(group: Group): readonly number[] {
    return allOf('InstallSnapshot', group.inTransit({ to: 2 })).map(({ offset }) => offset);
  }

  /** One chunk arrives, and its answer does. */
  function exchangeOne(group: Group): void {
    const [first, ...others] = group.drop({ type: 'InstallSnapshot' });
    if (first === undefined) throw new Error('no chunk is in transit');
    group.inject(first);
    group.deliver({ type: 'InstallSnapshot' });
    group.inject(...others);
    group.deliver({ type: 'InstallSnapshotResponse' });
  }

  describe('at the leader', () => {
    it('go out in chunks, a few at a time', () => {
      const group = sending();
      expect(offsets(group)).to.deep.equal([0, 4, 8]);
    });

    it('go on with each answer', () => {
      const group = sending();
      exchangeOne(group);
      expect(offsets(group)).to.deep.equal([4, 8, 12]);
      exchangeOne(group);
      expect(offsets(group)).to.deep.equal([8, 12, 16]);
      exchangeOne(group);
      expect(offsets(group), 'that was the last').to.deep.equal([12, 16]);
    });

    it('are read from the disk a chunk at a time, and no more than may be on their way', () => {
      const group = sending();
      group.holdReads(0);
      const held = () => group.server(0).heldSnapshotReads.map(({ offset }) => offset);
      group.advance(HEARTBEAT_MS);
      expect(held(), 'as many chunks as may be are on their way').to.deep.equal([]);
      exchangeOne(group);
      exchangeOne(group);
      expect(held()).to.deep.equal([12]);
      group.freeReads(0);
      expect(offsets(group)).to.deep.equal([8, 12, 16]);
    });

    it('go on from where the follower is when a chunk was read for a later place', () => {
      const group = sending();
      group.holdReads(0);
      exchangeOne(group);
      for (let ms = 0; ms <= ELECTION_TIMEOUT_MS; ms += HEARTBEAT_MS) {
        group.advance(HEARTBEAT_MS);
        group.drop({ to: 2 });
        group.deliverAll();
      }
      group.freeReads(0);
      expect(offsets(group)).to.deep.equal([4, 8, 12]);
    });

    it('are not sent any more by a leader that lost its lead while it read', () => {
      const group = sending();
      group.holdReads(0);
      exchangeOne(group);
      group.drop();
      group.elect(1);
      group.freeReads(0);
      expect(group.inTransit({ from: 0, type: 'InstallSnapshot' })).to.deep.equal([]);
    });

    it('are known to be on their way until the follower has the last', () => {
      const group = sending();
      expect(group.servers.map(({ raft }) => raft.isSendingSnapshot)).to.deep.equal([true, false, false]);
      group.deliverAll();
      group.run(HEARTBEAT_MS);
      expect(group.servers[0]?.raft.isSendingSnapshot).to.equal(false);
    });

    it('are followed by the entries after them', () => {
      const group = sending();
      group.propose(0, 'e');
      group.propose(0, 'f');
      group.deliverAll();
      group.run(HEARTBEAT_MS);
      expect(group.applied(2)).to.equal('aaaa bbbb cccc dddd e f');
      expect(group.log(2)).to.equal('1:e 1:f');
    });

    it('are not sent to a follower whose entries are still there', () => {
      const group = Group.of(3);
      group.elect(0);
      group.isolate(2);
      group.agree(0, ...WORDS);
      group.compact(0, { keeping: 4 });
      group.heal();
      const sent = group.sentDuring(() => group.run(2 * HEARTBEAT_MS));
      expect(allOf('InstallSnapshot', sent)).to.deep.equal([]);
      expect(group.applied(2)).to.equal('aaaa bbbb cccc dddd');
    });

    it('keep the follower from campaigning, and the leader leading', () => {
      const group = sending();
      group.crash(1);
      for (let round = 0; round < 20; round += 1) {
        group.advance(HEARTBEAT_MS);
        group.drop({ type: 'InstallSnapshot' });
        group.deliver();
        group.deliver();
      }
      expect(group.raft(0)).to.include({ role: 'leader', currentTerm: 1 });
      expect(group.raft(2)).to.include({ role: 'follower', leader: 0 });
    });

    it('go again from where the follower is, when chunks are lost', () => {
      const group = sending();
      exchangeOne(group);
      group.drop();
      group.run(ELECTION_TIMEOUT_MS + 2 * HEARTBEAT_MS);
      expect(group.applied(2)).to.equal('aaaa bbbb cccc dddd');
    });

    it('arrive when only the first of several chunks is lost', () => {
      const group = sending();
      const [, ...others] = group.drop({ type: 'InstallSnapshot' });
      group.inject(...others);
      group.run(2 * ELECTION_TIMEOUT_MS);
      expect(group.applied(2)).to.equal('aaaa bbbb cccc dddd');
    });

    it('arrive when answers are lost', () => {
      const group = sending();
      for (let round = 0; round < 5; round += 1) {
        group.deliver({ type: 'InstallSnapshot' });
        group.drop({ type: 'InstallSnapshotResponse' });
        group.run(ELECTION_TIMEOUT_MS / 2);
      }
      expect(group.applied(2)).to.equal('aaaa bbbb cccc dddd');
    });

    it('arrive when chunks come twice and in the wrong order', () => {
      const group = sending();
      const chunks = group.drop({ type: 'InstallSnapshot' });
      group.inject(...[...chunks, ...chunks].reverse());
      group.run(2 * ELECTION_TIMEOUT_MS);
      expect(group.applied(2)).to.equal('aaaa bbbb cccc dddd');
    });

    it('begin anew with a follower that restarted in the middle', () => {
      const group = sending();
      exchangeOne(group);
      exchangeOne(group);
      group.restart(2);
      group.run(2 * ELECTION_TIMEOUT_MS);
      expect(group.raft(0).currentTerm).to.equal(1);
      expect(group.applied(2)).to.equal('aaaa bbbb cccc dddd');
    });

    it('begin anew with a follower whose restart is noticed by its link', () => {
      const group = sending();
      exchangeOne(group);
      group.drop();
      group.restart(2);
      group.openLinks(2);
      const startMs = group.nowMs;
      group.runUntil(() => group.applied(2) === 'aaaa bbbb cccc dddd');
      expect(group.nowMs - startMs).to.be.below(ELECTION_TIMEOUT_MS);
    });

    it('are replaced by a newer one that was made meanwhile', () => {
      const group = sending();
      group.crash(2);
      group.agree(0, 'eeee');
      group.compact(0);
      group.restart(2);
      group.run(2 * ELECTION_TIMEOUT_MS);
      expect(group.applied(2)).to.equal('aaaa bbbb cccc dddd eeee');
      expect(group.raft(2).logStart.index).to.equal(6);
    });

    it('are replaced by a newer one in the middle of the transfer', () => {
      const group = sending();
      exchangeOne(group);
      group.cut(0, 2);
      group.agree(0, 'eeee');
      group.compact(0);
      group.heal();
      group.run(2 * ELECTION_TIMEOUT_MS);
      expect(group.applied(2)).to.equal('aaaa bbbb cccc dddd eeee');
    });

    it('are begun anew by the next leader', () => {
      const group = sending();
      exchangeOne(group);
      group.compact(1);
      group.crash(0);
      group.drop();
      group.elect(1);
      group.deliverAll();
      expect(group.applied(2)).to.equal('aaaa bbbb cccc dddd');
    });

    it('are not needed any more when the follower turns out to have it all', () => {
      const group = Group.of(3);
      group.elect(0);
      group.agree(0, ...WORDS);
      group.compact(0);
      group.elect(1);
      group.compact(1);
      group.restart(0);
      group.elect(0);
      group.agree(0, 'x');
      for (const id of [0, 1, 2]) expect(group.applied(id)).to.equal('aaaa bbbb cccc dddd x');
    });

    it('are the newest it has: one of its own that an installed one overtook is forgotten', () => {
      const group = Group.of(5);
      group.elect(0);
      group.crash(4);
      group.isolate(2);
      group.agree(0, ...WORDS);
      group.compact(0);
      group.heal();
      group.run(2 * HEARTBEAT_MS);
      // Server 2 had begun a snapshot of its own at entry 2, and finishes it only now.
      group.raft(2).compacted({ index: 2, term: 1, byteLength: 4 }, 2);

      group.crash(0);
      group.restart(4);
      group.elect(2);
      group.run(HEARTBEAT_MS);
      expect(group.applied(4)).to.equal('aaaa bbbb cccc dddd');
    });
  });

  describe('at the follower', () => {
    const snapshot = { index: 2, term: 1, byteLength: 3 };
    const whole = installSnapshot({ snapshot, data: bytesOf('a b') });
    const withLog = (log: string) => new Server(0, 3, { disk: Disk.holding(entries(log)) });

    it('take the place of the log, and of the state', () => {
      const server = new Server(0, 3);
      const answer = theOnly('InstallSnapshotResponse', server.receive(whole));
      expect(answer).to.include({ isInstalled: true, receivedBytes: 3 });
      expect(server.applied).to.equal('a b');
      expect(server.raft.commitIndex).to.equal(2);
      expect(server.raft.logStart).to.deep.equal({ index: 2, term: 1 });
    });

    it('leave the entries that follow them, when the log goes on from there', () => {
      const server = withLog('1:a 1:b 1:c');
      server.receive(whole);
      expect(server.log).to.equal('1:c');
      expect(textOfLog(server.disk.entries)).to.equal('1:c');
      server.receive(appendEntries({ prevLogIndex: 3, prevLogTerm: 1, leaderCommit: 3 }));
      expect(server.applied).to.equal('a b c');
    });

    it('remove a log that does not agree with them', () => {
      const server = withLog('1:a 1:x 1:y');
      server.receive(installSnapshot({ term: 2, snapshot: { ...snapshot, term: 2 }, data: bytesOf('a b') }));
      expect(server.log).to.equal('');
      expect(server.disk.entries).to.deep.equal([]);
      expect(server.raft.lastLog).to.deep.equal({ index: 2, term: 2 });
    });

    it('are answered, not installed, when everything in them is committed already', () => {
      const server = new Server(0, 3);
      server.receive(appendEntries({ entries: entries('1:a 1:b 1:c'), leaderCommit: 3 }));
      const answer = theOnly('InstallSnapshotResponse', server.receive(whole));
      expect(answer).to.include({ isInstalled: true, receivedBytes: 3 });
      expect(server.log).to.equal('1:a 1:b 1:c');
      expect(server.disk.snapshot).to.equal(undefined);
    });

    it('are installed once they are on disk, and answered only then', () => {
      const server = new Server(0, 3);
      server.holdDisk();
      expect(server.receive(whole)).to.deep.equal([]);
      expect(server.applied).to.equal('');
      expect(allOf('InstallSnapshotResponse', server.writeDisk())).to.have.length(1);
      expect(server.applied).to.equal('a b');
    });

    it('let no entries in while they are being installed', () => {
      const server = new Server(0, 3);
      server.holdDisk();
      server.receive(whole);
      const early = appendEntries({ prevLogIndex: 0, entries: entries('1:a 1:b 1:c') });
      expect(server.receive(early)).to.deep.equal([]);
      server.freeDisk();
      server.receive(early);
      expect(server.log).to.equal('1:c');
    });

    it('are gone after a crash in the middle, and the log is as it was', () => {
      const server = withLog('1:a');
      server.receive(installSnapshot({ snapshot, data: bytesOf('a ') }));
      server.crash();
      server.start();
      expect(server.log).to.equal('1:a');
      const rest = installSnapshot({ snapshot, offset: 2, data: bytesOf('b') });
      const answer = theOnly('InstallSnapshotResponse', server.receive(rest));
      expect(answer).to.include({ isInstalled: false, receivedBytes: 0 });
    });

    it('are written after the entries that came before them in the same turn', () => {
      const server = withLog('1:a');
      server.holdDisk();
      server.turn((raft, nowMs) => {
        raft.step(
          appendEntries({ prevLogIndex: 1, prevLogTerm: 1, entries: entries('1:b', { after: 1 }) }),
          nowMs,
        );
        const later = { index: 9, term: 1, byteLength: 3 };
        raft.step(installSnapshot({ snapshot: later, data: bytesOf('x y') }), nowMs);
      });
      server.writeDisk();
      expect(server.disk.entries, 'nothing may come after the snapshot that is before it').to.deep.equal([]);
      server.crash();
      server.start();
      expect(server.raft.lastLog.index).to.equal(9);
    });

    it('are not begun anew by a late chunk of an older one', () => {
      const server = new Server(0, 3);
      const newer = { index: 5, term: 1, byteLength: 4 };
      server.receive(installSnapshot({ snapshot: newer, data: bytesOf('a b ').slice(0, 2) }));
      server.receive(installSnapshot({ snapshot, data: bytesOf('a ') }));
      server.receive(installSnapshot({ snapshot: newer, offset: 2, data: bytesOf('bc') }));
      expect(server.applied).to.equal('a bc');
    });

    it('refuse those of a leader of an older term', () => {
      const server = withLog('3:a');
      const answer = theOnly('AppendEntriesResponse', server.receive(whole));
      expect(answer).to.include({ term: 3 });
      expect(answer.result).to.deep.equal({ outcome: 'stale' });
    });
  });
});
