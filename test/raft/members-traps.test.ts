/** What others fell into when members changed, and the known traps of joint consensus. Each test names the trap. */

import { expect } from 'chai';
import { NO_MEMBERS } from '../../src/raft/configuration.js';
import { TransferError } from '../../src/raft/leadership-transfer.js';
import { Group } from '../support/raft/group.js';
import { configurationOf, textOfConfiguration } from '../support/raft/members.js';
import {
  allOf,
  appendEntries,
  entries,
  installSnapshot,
  preVote,
  theOnly,
} from '../support/raft/messages.js';
import { ELECTION_TIMEOUT_MS, HEARTBEAT_MS, Server } from '../support/raft/server.js';

/** Servers 0 to `count` less one, of which 0 leads, and others that are to join. */
function led(count: number, ...joining: readonly number[]): Group {
  const group = Group.of(count);
  group.elect(0);
  group.start(...joining);
  return group;
}

/** Until a server has this configuration; what is sent then is in transit. */
function until(group: Group, id: number, members: string): void {
  for (let round = 0; group.members(id) !== members; round += 1) {
    if (round > 100) throw new Error(`server ${id} has ${group.members(id)}, not ${members}`);
    group.deliver();
  }
}

/** An entry with a configuration, of term 1 unless told otherwise. */
function configurationEntry(index: number, members: string, term = 1) {
  return { index, term, payload: new Uint8Array(0), configuration: configurationOf(members) };
}

describe('traps of changing members', () => {
  describe('a snapshot', () => {
    const image = new TextEncoder().encode('x');

    function snapshotAt(index: number, term: number, members: string) {
      return { index, term, byteLength: 1, configuration: configurationOf(members) };
    }

    it('supersedes uncommitted configurations, also of entries after it, and is the quorum from then on', () => {
      const server = new Server(0, 3);
      const appended = [
        configurationEntry(1, '0 | 0 1 2'),
        configurationEntry(2, '0'),
        ...entries('1:a', { after: 2 }),
      ];
      server.receive(appendEntries({ entries: appended }));
      expect(server.raft.configuration).to.deep.equal(configurationOf('0'));
      const snapshot = snapshotAt(2, 2, '0 1 2');
      server.receive(installSnapshot({ from: 2, term: 2, snapshot, data: image }));
      expect(textOfConfiguration(server.raft.configuration)).to.equal('0 1 2');
      server.pass(2 * ELECTION_TIMEOUT_MS);
      expect(server.raft.role).to.equal('precandidate');
    });

    it('that the log has in it keeps the configurations of entries after it', () => {
      const server = new Server(0, 3);
      const appended = [
        configurationEntry(1, '0 1 2 3 | 0 1 2'),
        ...entries('1:a', { after: 1 }),
        configurationEntry(3, '0 1 2 3'),
      ];
      server.receive(appendEntries({ entries: appended }));
      server.receive(installSnapshot({ snapshot: snapshotAt(2, 1, '0 1 2 3 | 0 1 2'), data: image }));
      expect(textOfConfiguration(server.raft.configuration)).to.equal('0 1 2 3');
      expect(textOfConfiguration(server.raft.configurationAt(2))).to.equal('0 1 2 3 | 0 1 2');
    });

    it('has the configuration of its own position, not a newer one that is not committed', () => {
      const group = led(3);
      group.agree(0, 'a');
      for (const id of [1, 2]) group.isolate(id);
      group.change(0, '0 1');
      group.compact(0);
      expect(group.members(0)).to.equal('0 1 | 0 1 2');
      const { configuration = NO_MEMBERS } = group.server(0).disk.snapshot ?? {};
      expect(textOfConfiguration(configuration)).to.equal('0 1 2');
      group.restart(0);
      expect(group.members(0)).to.equal('0 1 | 0 1 2');
    });

    it('of an older version has the members that the program starts with, and brings them to a new server', () => {
      const group = led(3, 3);
      group.agree(0, 'a');
      group.compact(0);
      const { disk } = group.server(0);
      const { snapshot, snapshotData } = disk;
      if (snapshot === undefined) throw new Error('there is no snapshot');
      const { index, term, byteLength } = snapshot;
      disk.saveSnapshot({ index, term, byteLength }, snapshotData, index);
      group.restart(0);
      expect(group.members(0)).to.equal('0 1 2');
      group.elect(0);
      group.change(0, '0 1 2 3');
      until(group, 3, '0 1 2 |  | 3');
    });

    it('whose last chunk is lost is sent again, and the new server catches up', () => {
      const group = led(3, 3);
      group.agree(0, 'a long state of several chunks');
      group.compact(0);
      group.change(0, '0 1 2 3');
      while (group.inTransit({ to: 3, type: 'InstallSnapshot' }).length === 0) group.deliver();
      group.run(1);
      for (let count = 0; count < 3; count += 1) {
        group.drop({ to: 3, type: 'InstallSnapshot' });
        group.restart(3);
        group.run(HEARTBEAT_MS);
      }
      group.runUntil(() => group.members(3) === '0 1 2 3');
      expect(group.applied(3)).to.equal('a long state of several chunks');
    });
  });

  describe('a configuration in the log', () => {
    it('goes with its entry, two at once, too', () => {
      const server = new Server(0, 3);
      const appended = [
        ...entries('1:a'),
        configurationEntry(2, '0 1 | 0 1 2'),
        configurationEntry(3, '0 1'),
      ];
      server.receive(appendEntries({ entries: appended }));
      expect(textOfConfiguration(server.raft.configuration)).to.equal('0 1');
      const other = entries('2:b', { after: 1 });
      server.receive(appendEntries({ from: 2, term: 2, prevLogIndex: 1, prevLogTerm: 1, entries: other }));
      expect(textOfConfiguration(server.raft.configuration)).to.equal('0 1 2');
    });

    it('is in force after a restart although it is not committed', () => {
      const server = new Server(0, 3);
      const appended = [...entries('1:a'), configurationEntry(2, '0 1 3 | 0 1 2')];
      server.receive(appendEntries({ entries: appended, leaderCommit: 1 }));
      server.crash();
      server.start();
      expect(textOfConfiguration(server.raft.configuration)).to.equal('0 1 3 | 0 1 2');
      const asked = allOf('PreVote', server.pass(2 * ELECTION_TIMEOUT_MS)).map(({ to }) => to);
      expect(asked).to.have.members([1, 2, 3]);
    });
  });

  describe('two majorities that never meet', () => {
    it('are kept apart: a change begins only after an entry of the leader’s own term is committed', () => {
      const group = Group.of(3);
      group.win(0);
      group.isolate(0);
      expect(() => group.change(0, '0')).to.throw('has just begun to lead');
      expect(group.log(0)).to.equal('1:-');
    });

    it('are kept apart: a new leader goes on only after an entry of its own term is committed', () => {
      const group = led(3, 3, 4);
      group.change(0, '2 3 4');
      until(group, 0, '2 3 4 | 0 1 2');
      group.deliver();
      group.crash(0);
      group.drop();
      group.win(2);
      // It has the answers of {2, 3, 4} alone, which are a majority of C_new.
      group.cut(2, 1);
      group.deliverAll();
      expect(group.log(2)).to.match(/1:\(2 3 4 \| 0 1 2\) 2:-$/);
      group.heal();
      group.run(2 * HEARTBEAT_MS);
      expect(group.members(2)).to.equal('2 3 4');
    });
  });

  describe('an identity', () => {
    it('is given once: a server that was one before is not taken in', () => {
      const group = led(3);
      group.changeTo(0, '0 1');
      expect(() => group.change(0, '0 1 2')).to.throw('names server 2, which was another one');
      group.start(3);
      group.changeTo(0, '0 1 3');
    });

    it('that is new asks nobody for votes and leads nobody, whatever old configurations it reads', () => {
      const server = new Server(7, 3);
      expect(server.pass(20 * ELECTION_TIMEOUT_MS)).to.deep.equal([]);
      // As if it read old entries, in one of which others alone decide.
      server.receive(appendEntries({ to: 7, entries: [configurationEntry(1, '1')] }));
      const sent = server.pass(20 * ELECTION_TIMEOUT_MS);
      expect(sent).to.deep.equal([]);
      expect(server.raft.role).to.equal('follower');
    });
  });

  describe('a leader that is no voter', () => {
    it('does not commit by itself, and leads on until C_new is committed', () => {
      const group = led(2);
      group.change(0, '1');
      until(group, 0, '1');
      group.drop();
      group.advance(HEARTBEAT_MS);
      expect(group.raft(0).role).to.equal('leader');
      expect(group.commitIndex(0)).to.equal(group.raft(0).lastLog.index - 1);
      expect(group.server(0).changeOutcomes).to.deep.equal([]);
    });

    it('does not count itself: one of two others is no majority', () => {
      const group = led(3);
      group.change(0, '1 2');
      until(group, 0, '1 2');
      const { index } = group.raft(0).lastLog;
      group.cut(0, 2);
      group.deliverAll();
      expect(group.commitIndex(0)).to.be.below(index);
    });

    it('does not keep its lead by its own clock, nor has it a lease', () => {
      const group = led(3);
      group.change(0, '1 2');
      until(group, 0, '1 2');
      group.cut(0, 2);
      group.deliverAll();
      expect(group.raft(0).leaseEndMs).to.equal(Number.NEGATIVE_INFINITY);
      group.run(ELECTION_TIMEOUT_MS + HEARTBEAT_MS);
      expect(group.raft(0).role).to.equal('follower');
    });
  });

  it('a server that was promoted and does not know it yet gives its vote by the rules', () => {
    const group = led(1, 1);
    group.change(0, '0 1');
    until(group, 0, '0 1 | 0');
    group.drop();
    expect(group.members(1)).to.equal('0 |  | 1');
    group.restart(0);
    group.run(8 * ELECTION_TIMEOUT_MS);
    expect(group.leader).to.equal(0);
    expect(group.members(1)).to.equal('0 1');
  });

  it('a server that is not in the latest configuration campaigns if it alone has that', () => {
    const group = led(2);
    group.change(0, '1');
    until(group, 0, '1');
    group.drop();
    expect(group.members(1)).to.equal('1 | 0 1');
    group.restart(0);
    group.runUntil(() => group.members(1) === '1' && group.raft(1).role === 'leader');
    expect(group.raft(0).role).to.equal('follower');
  });

  it('a server that votes in C_old alone counts its own vote there, and its own disk', () => {
    const group = led(1, 1, 2);
    group.change(0, '1 2');
    until(group, 0, '1 2 | 0');
    group.deliverAll();
    expect(group.server(0).changeOutcomes).to.deep.equal([{ outcome: 'done' }]);
  });

  it('a server that votes in C_old alone wins an election with its own vote there', () => {
    const group = led(1, 1, 2);
    group.change(0, '1 2');
    for (const id of [0, 1, 2]) until(group, id, '1 2 | 0');
    group.drop();
    group.restart(0);
    expect([0, 1, 2].map((id) => group.members(id))).to.deep.equal(Array(3).fill('1 2 | 0'));
    const { currentTerm } = group.raft(0);
    // Nobody else has its turn: the two of C_new would need its vote, too.
    group.win(0);
    expect(group.leader).to.equal(0);
    expect(group.raft(0).currentTerm).to.equal(currentTerm + 1);
    group.runUntil(() => group.leader !== undefined && group.members(group.leader) === '1 2');
    expect(group.leader).to.be.oneOf([1, 2]);
  });

  it('removed servers are replicated to until C_new is committed, and hear that it is', () => {
    const group = led(3);
    group.changeTo(0, '0 1');
    group.run(HEARTBEAT_MS);
    expect(group.members(2)).to.equal('0 1');
    expect(group.commitIndex(2)).to.equal(group.commitIndex(0));
    const sent = group.sentDuring(() => group.run(4 * ELECTION_TIMEOUT_MS));
    const late = sent.slice(-10).filter(({ to, from }) => to === 2 || from === 2);
    expect(late, 'they are forgotten then, and keep still').to.deep.equal([]);
    expect(group.raft(0).currentTerm).to.equal(1);
  });

  it('a removed server that does not know it does not disturb', () => {
    const group = led(4);
    group.isolate(3);
    group.changeTo(0, '0 1 2');
    group.run(2 * ELECTION_TIMEOUT_MS);
    group.heal();
    group.run(10 * ELECTION_TIMEOUT_MS);
    expect(group.members(3)).to.equal('0 1 2 3');
    for (const id of [0, 1, 2]) expect(group.raft(id)).to.include({ currentTerm: 1, leader: 0 });
  });

  describe('a leader that was removed', () => {
    it('hands over at once when C_new is committed, and all hear of it', () => {
      const group = led(3);
      group.agree(0, 'a');
      const startMs = group.nowMs;
      group.change(0, '1 2');
      group.deliverAll();
      expect(group.nowMs).to.equal(startMs);
      expect(group.leader).to.be.oneOf([1, 2]);
      expect(group.raft(0).role).to.equal('follower');
      expect(group.server(0).changeOutcomes).to.deep.equal([{ outcome: 'done' }]);
      expect(group.server(0).traces.at(-1)).to.deep.include({ type: 'stepped down', role: 'leader' });
      group.agree(group.leader ?? 1, 'b');
      for (const id of [1, 2]) expect(group.applied(id)).to.equal('a b');
    });

    it('commits first what it has appended, and takes nothing more', () => {
      const group = led(3);
      group.change(0, '1 2');
      until(group, 0, '1 2');
      group.propose(0, 'last');
      group.cut(0, 2);
      group.deliver();
      group.deliver();
      group.heal();
      const { index } = group.raft(0).lastLog;
      group.run(2 * HEARTBEAT_MS);
      expect(group.applied(0)).to.equal('last');
      expect(group.commitIndex(0)).to.equal(index);
      expect(group.leader).not.to.equal(0);
    });

    it('refuses proposals and reads while it leaves, and leads no more after an election timeout', () => {
      const group = led(3);
      group.change(0, '1 2');
      until(group, 0, '1 2');
      group.propose(0, 'x');
      // Only what came before `x` is acknowledged.
      group.deliver();
      for (const message of allOf('AppendEntriesResponse', group.drop({ to: 0 }))) {
        const { index } = group.raft(0).lastLog;
        const result = { outcome: 'accepted', matchIndex: index - 1 } as const;
        group.inject({ ...message, result });
      }
      group.deliver({ to: 0 });
      expect(group.server(0).changeOutcomes).to.deep.equal([{ outcome: 'done' }]);
      expect(group.raft(0).proposalRefusal).to.equal('handing over');
      expect(group.read(0).outcome).to.equal('failed');
      expect(() => group.transfer(0, 1)).to.throw(TransferError, 'no member any more');
      group.isolate(0);
      group.run(ELECTION_TIMEOUT_MS + HEARTBEAT_MS);
      expect(group.raft(0).role).to.equal('follower');
      expect(group.raft(0).leaseEndMs).to.equal(Number.NEGATIVE_INFINITY);
    });

    it('never campaigns again', () => {
      const group = led(2);
      group.changeTo(0, '1');
      group.run(HEARTBEAT_MS);
      group.crash(1);
      const sent = group.sentDuring(() => group.run(20 * ELECTION_TIMEOUT_MS));
      expect(sent.filter(({ from }) => from === 0)).to.deep.equal([]);
    });
  });

  it('a change whose leader falls between C_old,new and C_new is finished by its successor', () => {
    const group = led(3, 3);
    group.change(0, '1 2 3');
    until(group, 0, '1 2 3');
    group.crash(0);
    group.drop();
    group.closeLinks(0);
    group.runUntil(() => group.leader !== undefined && group.members(group.leader) === '1 2 3');
    const { leader = 1 } = group;
    group.runUntil(() => group.server(leader).changeOutcomes.length > 0);
    expect(group.server(leader).changeOutcomes).to.deep.equal([{ outcome: 'done' }]);
  });

  describe('a transfer of leadership', () => {
    it('whose target is removed meanwhile ends', () => {
      const group = led(3);
      group.change(0, '0 1');
      until(group, 0, '0 1 | 0 1 2');
      group.cut(0, 2);
      group.transfer(0, 2);
      expect(group.raft(0).proposalRefusal).to.equal('handing over');
      group.deliverAll();
      expect(group.members(0)).to.equal('0 1');
      expect(group.raft(0).proposalRefusal).to.equal(undefined);
    });

    it('asks a target only once that has C_new', () => {
      const group = led(3);
      group.change(0, '1 2');
      until(group, 0, '1 2');
      const sent = group.sentDuring(() => group.deliverAll());
      const { to } = theOnly('TimeoutNow', sent);
      expect(group.members(to)).to.equal('1 2');
    });
  });

  it('a learner is no successor when the leader’s disk is stalled, though it is heard last', () => {
    const group = led(3, 3, 4);
    group.crash(4);
    group.change(0, '0 1 2 3 4');
    group.deliverAll();
    expect(group.members(0)).to.equal('0 1 2 |  | 3 4');
    group.holdDisk(0);
    group.propose(0, 'x');
    group.run(ELECTION_TIMEOUT_MS - 3 * HEARTBEAT_MS);
    group.cut(0, 1);
    group.cut(0, 2);
    group.run(2 * HEARTBEAT_MS);
    const sent = group.sentDuring(() => group.advance(2 * HEARTBEAT_MS));
    expect(theOnly('TimeoutNow', sent).to).to.be.oneOf([1, 2]);
  });

  it('a learner’s vote is not counted, should one come', () => {
    const group = led(3, 3);
    group.change(0, '0 1 2 3');
    until(group, 1, '0 1 2 |  | 3');
    group.crash(0);
    group.drop();
    group.isolate(2);
    const term = 2;
    const answer = { from: 3, to: 1, term, voteGranted: true } as const;
    while (group.raft(1).role !== 'precandidate') group.advance(HEARTBEAT_MS);
    group.inject({ type: 'PreVoteResponse', ...answer });
    group.deliver({ from: 3 });
    expect(group.raft(1)).to.include({ role: 'precandidate', currentTerm: 1 });
    group.inject({ type: 'PreVoteResponse', ...answer, from: 2 });
    group.heal();
    group.deliver({ type: 'PreVoteResponse' });
    expect(group.raft(1)).to.include({ role: 'candidate', currentTerm: 2 });
    group.inject({ type: 'RequestVoteResponse', ...answer });
    group.deliver({ type: 'RequestVoteResponse' });
    expect(group.raft(1)).to.include({ role: 'candidate', currentTerm: 2 });
    group.inject({ type: 'RequestVoteResponse', ...answer, from: 2 });
    group.deliver({ type: 'RequestVoteResponse' });
    expect(group.raft(1)).to.include({ role: 'leader', currentTerm: 2 });
  });

  it('a learner is no successor when the leader’s link closes', () => {
    const group = led(2, 2);
    group.cut(0, 1);
    group.change(0, '0 1 2');
    group.deliverAll();
    expect(group.members(2)).to.equal('0 1 |  | 2');
    group.crash(0);
    group.closeLinks(0);
    const sent = group.sentDuring(() => group.advance(ELECTION_TIMEOUT_MS));
    expect(sent.filter(({ from }) => from === 2)).to.deep.equal([]);
    expect(sent.filter(({ to }) => to === 2)).to.deep.equal([]);
  });

  it('a voter that is alone now does not lead at once after a restart, for a removed leader may rely on it', () => {
    for (const hasSnapshot of [false, true]) {
      const group = led(2);
      group.agree(0, 'a');
      group.change(0, '1');
      until(group, 0, '1');
      while (group.inTransit({ type: 'TimeoutNow' }).length === 0) group.deliver();
      group.deliver({ type: 'AppendEntries' });
      group.drop();
      expect(group.commitIndex(1)).to.equal(group.raft(1).lastLog.index);
      if (hasSnapshot) group.compact(1);
      group.restart(1);
      group.tick(1);
      expect(group.raft(1).role).to.equal('follower');
      group.runUntil(() => group.raft(1).role === 'leader');
    }
  });

  it('a request for a pre-vote of a removed server is refused while a leader is heard', () => {
    const group = led(3);
    group.changeTo(0, '0 1');
    group.run(1);
    group.inject(preVote({ from: 2, to: 1, term: 2, lastLogIndex: 99, lastLogTerm: 1 }));
    group.deliver({ to: 1, type: 'PreVote' });
    expect(theOnly('PreVoteResponse', group.inTransit({ from: 1, to: 2 })).voteGranted).to.equal(false);
  });

  describe('a change whose new voters do not answer', () => {
    /** C_old,new of {0} and {0, 1, 2} is appended, and 1 and 2 are dead. */
    function hopeless(): Group {
      const group = led(1, 1, 2);
      group.change(0, '0 1 2');
      until(group, 0, '0 1 2 | 0');
      for (const id of [1, 2]) group.crash(id);
      group.drop();
      return group;
    }

    it('is taken back within an election timeout, and reported once that is committed', () => {
      const group = hopeless();
      const startMs = group.nowMs;
      group.propose(0, 'x');
      group.runUntil(() => group.server(0).changeOutcomes.length > 0);
      expect(group.nowMs - startMs).to.be.at.most(ELECTION_TIMEOUT_MS);
      expect(group.server(0).changeOutcomes).to.deep.equal([
        { outcome: 'given up', reason: 'no majority of the new members answers' },
      ]);
      expect(group.members(0)).to.equal('0');
      expect(group.raft(0).currentTerm).to.equal(1);
      expect(group.applied(0)).to.equal('x');
    });

    it('is not taken back by a leader that found C_old,new in its log', () => {
      const group = hopeless();
      group.restart(0);
      group.run(20 * ELECTION_TIMEOUT_MS);
      expect(group.members(0)).to.equal('0 1 2 | 0');
      expect(group.raft(0).role).not.to.equal('leader');
      for (const id of [1, 2]) group.restart(id);
      group.runUntil(() => group.members(0) === '0 1 2');
    });

    it('is not taken back by a leader of a later term, although {B, C} would let it', () => {
      const group = led(3, 3, 4, 5);
      group.change(0, '3 4 5');
      until(group, 0, '3 4 5 | 0 1 2');
      group.deliver();
      group.deliver();
      // C_new is on its way, and comes to server 3 alone.
      group.deliver({ to: 3 });
      expect(group.members(3)).to.equal('3 4 5');
      group.crash(0);
      group.drop();
      group.isolate(3);
      group.win(1);
      group.drop();
      group.partition([1, 2]);
      group.run(10 * ELECTION_TIMEOUT_MS);
      for (const id of [1, 2]) expect(group.members(id)).to.equal('3 4 5 | 0 1 2');
      expect(group.raft(1).role).not.to.equal('leader');
      group.heal();
      group.runUntil(() => [3, 4, 5].includes(group.leader ?? 0) && group.members(4) === '3 4 5');
    });

    it('is not taken back once C_old,new is committed: the leader steps down', () => {
      const group = led(1, 1, 2);
      group.change(0, '0 1 2');
      until(group, 0, '0 1 2');
      for (const id of [1, 2]) group.crash(id);
      group.drop();
      group.run(ELECTION_TIMEOUT_MS + 2 * HEARTBEAT_MS);
      expect(group.members(0)).to.equal('0 1 2');
      expect(group.raft(0).role).not.to.equal('leader');
    });

    it('is not taken back while no majority of the old ones answers either: the leader steps down', () => {
      const group = led(3, 3, 4);
      group.change(0, '0 3 4');
      until(group, 0, '0 3 4 | 0 1 2');
      for (const id of [1, 2, 3, 4]) group.isolate(id);
      group.run(ELECTION_TIMEOUT_MS + 2 * HEARTBEAT_MS);
      expect(group.raft(0).role).not.to.equal('leader');
      expect(group.server(0).changeOutcomes).to.deep.equal([{ outcome: 'leadership lost' }]);
    });

    it('is taken back, too, when they answer and do not keep what they are sent', () => {
      const group = led(1, 1, 2);
      group.change(0, '0 1 2');
      until(group, 0, '0 1 2 | 0');
      for (const id of [1, 2]) group.holdDisk(id);
      group.runUntil(() => group.server(0).changeOutcomes.length > 0, 4 * ELECTION_TIMEOUT_MS);
      expect(group.server(0).changeOutcomes).to.deep.equal([
        { outcome: 'given up', reason: 'no majority of the new members keeps up' },
      ]);
      expect(group.members(0)).to.equal('0');
    });
  });
});
