/** Changes of members by joint consensus, step by step (thesis 4.1 to 4.3). */

import { expect } from 'chai';
import { TransferError } from '../../src/raft/leadership-transfer.js';
import { MembersError } from '../../src/raft/start-change.js';
import { Group } from '../support/raft/group.js';
import { configurationOf } from '../support/raft/members.js';
import { theOnly } from '../support/raft/messages.js';
import { ELECTION_TIMEOUT_MS, HEARTBEAT_MS, type ServerOptions } from '../support/raft/server.js';

/** Three servers of which 0 leads, and others that are to join. */
function led(...joining: readonly number[]): Group {
  const group = Group.of(3);
  group.elect(0);
  group.start(...joining);
  return group;
}

describe('a change of members', () => {
  it('has new servers learn, then both configurations decide, then the new one', () => {
    const group = led(3, 4);
    group.agree(0, 'a');
    group.changeTo(0, '0 3 4');
    group.run(2 * HEARTBEAT_MS);
    const log = '1:- 1:a 1:(0 1 2 |  | 3 4) 1:(0 3 4 | 0 1 2) 1:(0 3 4)';
    for (const id of [0, 3, 4]) {
      expect(group.log(id)).to.equal(log);
      expect(group.applied(id)).to.equal('a');
    }
    expect(group.server(0).changeOutcomes).to.deep.equal([{ outcome: 'done' }]);
  });

  it('replaces all servers but the leader by ones with other numbers, with gaps between them', () => {
    const group = led(70, 4_000_000_000);
    group.agree(0, 'a');
    group.changeTo(0, '0 70 4000000000');
    for (const gone of [1, 2]) group.crash(gone);
    group.agree(0, 'b');
    expect(group.applied(70)).to.equal('a b');
    expect(group.applied(4_000_000_000)).to.equal('a b');
  });

  it('that only removes needs nobody to learn', () => {
    const group = led();
    group.changeTo(0, '0 1');
    expect(group.log(0)).to.equal('1:- 1:(0 1 | 0 1 2) 1:(0 1)');
  });

  it('goes from one server to nine and back', () => {
    const group = Group.of(1);
    group.elect(0);
    group.start(1, 2, 3, 4, 5, 6, 7, 8);
    for (const voters of ['0 1 2', '0 1 2 3 4', '0 1 2 3 4 5 6 7 8', '0 2 4', '0']) {
      group.changeTo(0, voters);
      expect(group.members(0)).to.equal(voters);
      group.agree(0, 'x');
    }
    expect(group.applied(0)).to.equal('x x x x x');
  });

  it('is done at once when there is nothing to change', () => {
    const group = led();
    group.change(0, '2 1 0');
    expect(group.server(0).changeOutcomes).to.deep.equal([{ outcome: 'done' }]);
    expect(group.log(0)).to.equal('1:-');
  });

  it('takes proposals meanwhile', () => {
    const group = led(3);
    group.change(0, '0 1 3');
    for (let count = 0; count < 40; count += 1) {
      expect(group.propose(0, 'x')).not.to.equal(undefined);
      group.run(2);
    }
    group.run(HEARTBEAT_MS);
    expect(group.members(0)).to.equal('0 1 3');
    expect(group.applied(3).split(' ')).to.have.length(40);
  });

  it('tells how far it has got, and whom it waits for', () => {
    const group = led(3);
    group.agree(0, 'a', 'b', 'c');
    group.compact(0);
    expect(group.raft(0).changeStatus).to.equal(undefined);
    group.change(0, '0 1 3');
    const parts: number[] = [];
    while (group.raft(0).changeStatus?.step === 'learning') {
      const { caughtUp, waitsFor } = group.raft(0).changeStatus ?? {};
      expect(waitsFor).to.deep.equal([3]);
      parts.push(caughtUp ?? 0);
      group.deliver();
    }
    expect(parts[0]).to.equal(0);
    expect(parts.some((part) => part > 0 && part < 1)).to.equal(true);
    expect(parts).to.deep.equal([...parts].sort((a, b) => a - b));
    expect(group.raft(0).changeStatus).to.deep.equal({
      step: 'deciding',
      caughtUp: 1,
      learners: [],
      waitsFor: [1, 3, 2],
    });
    expect(group.raft(1).changeStatus).to.equal(undefined);
    group.run(HEARTBEAT_MS);
    expect(group.raft(0).changeStatus).to.equal(undefined);
  });

  describe('is refused', () => {
    function refusal(group: Group, id: number, voters: string): { refusal: string; message: string } {
      try {
        group.raft(id).changeMembers(configurationOf(voters).voters, group.nowMs);
      } catch (error) {
        expect(error).to.be.instanceOf(MembersError).with.property('code', 'MEMBERS_REFUSED');
        if (error instanceof MembersError) return error;
      }
      throw new Error('it was not refused');
    }

    it('by a server that does not lead, or hands over', () => {
      const group = led();
      expect(refusal(group, 1, '0 1').refusal).to.equal('not leading');
      group.isolate(2);
      group.agree(0, 'x');
      group.transfer(0, 2);
      expect(refusal(group, 0, '0 1').refusal).to.equal('not leading');
    });

    it('while another one is under way, at any step of it', () => {
      const group = led(3);
      group.change(0, '0 1 2 3');
      while (group.server(0).changeOutcomes.length === 0) {
        expect(refusal(group, 0, '0 1').refusal).to.equal('busy');
        group.deliver();
      }
      group.change(0, '0 1');
    });

    it('until an entry of the leader’s own term is committed', () => {
      const group = Group.of(3);
      group.win(0);
      expect(refusal(group, 0, '0 1').refusal).to.equal('busy');
      group.deliverAll();
      group.change(0, '0 1');
    });

    it('for lists of nobody, of a server twice, of a place that moves, and of an identity that was used', () => {
      const group = led();
      const wrong: readonly [string, RegExp][] = [
        ['', /is empty/],
        ['0 1 1', /names server 1 twice/],
      ];
      for (const [voters, message] of wrong) {
        expect(refusal(group, 0, voters).message).to.match(message);
        expect(refusal(group, 0, voters).refusal).to.equal('wrong list');
      }
      const moved = [{ id: 0, slot: 7 }];
      expect(() => group.raft(0).changeMembers(moved, group.nowMs)).to.throw(
        MembersError,
        'in slot 7, not 0',
      );
      group.changeTo(0, '0 2');
      expect(refusal(group, 0, '0 1 2').message).to.match(/names server 1, which was another one/);
    });
  });

  describe('4.2.1: learners', () => {
    it('are replicated to and count for nothing', () => {
      const group = led(3, 4, 5, 6);
      group.partition([0, 3, 4, 5, 6]);
      group.change(0, '0 3 4 5 6');
      group.run(ELECTION_TIMEOUT_MS / 2);
      expect(group.members(3)).to.equal('0 1 2 |  | 3 4 5 6');
      expect(group.commitIndex(0)).to.equal(1);
      group.run(ELECTION_TIMEOUT_MS);
      expect(group.raft(0).role).to.equal('follower');
      expect(group.server(0).changeOutcomes).to.deep.equal([{ outcome: 'leadership lost' }]);
    });

    it('do not let a leader keep its lease, or confirm a read', () => {
      const group = Group.of(3, { leaseMs: ELECTION_TIMEOUT_MS / 2 });
      group.elect(0);
      group.start(3, 4);
      group.partition([0, 3, 4]);
      group.change(0, '0 1 2 3 4');
      const before = group.raft(0).leaseEndMs;
      group.run(2 * HEARTBEAT_MS);
      expect(group.raft(0).leaseEndMs).to.equal(before);
      const read = group.read(0);
      group.advance(before - group.nowMs);
      const late = group.read(0);
      group.deliverAll();
      expect([read.outcome, late.outcome]).to.deep.equal(['confirmed', 'waiting']);
    });

    it('never campaign, not even when asked to, and do not take over', () => {
      const group = led(3);
      group.partition([0, 3]);
      group.change(0, '0 1 2 3');
      group.deliverAll();
      expect(group.members(3)).to.equal('0 1 2 |  | 3');
      expect(() => group.transfer(0, 3)).to.throw(TransferError, 'server 3 has no vote');
      group.inject({ type: 'TimeoutNow', from: 0, to: 3, term: 1 });
      group.deliverAll();
      expect(group.raft(3).role).to.equal('follower');
      group.crash(0);
      const sent = group.sentDuring(() => group.advance(10 * ELECTION_TIMEOUT_MS));
      expect(sent.filter(({ from }) => from === 3)).to.deep.equal([]);
    });

    it('vote by the rules, for the candidate’s configuration says whether that counts', () => {
      const group = led(3);
      group.isolate(3);
      group.change(0, '0 1 2 3');
      group.run(HEARTBEAT_MS);
      group.heal();
      const request = {
        type: 'RequestVote',
        from: 1,
        to: 3,
        term: 9,
        lastLogIndex: 9,
        lastLogTerm: 9,
      } as const;
      group.inject({ ...request, leaseIsOver: true });
      group.deliver({ to: 3, type: 'RequestVote' });
      expect(theOnly('RequestVoteResponse', group.inTransit({ from: 3 })).voteGranted).to.equal(true);
    });

    it('are promoted once they are close, not before', () => {
      const group = led(3);
      group.change(0, '0 1 2 3');
      group.cut(0, 3);
      group.run(5 * ELECTION_TIMEOUT_MS);
      expect(group.members(0)).to.equal('0 1 2 |  | 3');
      group.heal();
      group.runUntil(() => group.members(0) === '0 1 2 3');
    });

    it('catch up by a snapshot and the log after it', () => {
      const group = led(3);
      group.agree(0, 'a', 'b');
      group.compact(0);
      group.agree(0, 'c');
      group.changeTo(0, '0 1 2 3');
      expect(group.applied(3)).to.equal('a b c');
    });

    it('that do not catch up are given up, with the reason, and the old members serve on', () => {
      const group = Group.of(3, { catchUpTimeoutMs: 1_000 });
      group.elect(0);
      group.start(3);
      group.crash(3);
      group.change(0, '0 1 2 3');
      group.run(1_000 + 2 * HEARTBEAT_MS);
      const reason = 'server 3 has not caught up within 1 s';
      expect(group.server(0).changeOutcomes).to.deep.equal([{ outcome: 'given up', reason }]);
      expect(group.members(0)).to.equal('0 1 2');
      group.agree(0, 'x');
      expect(group.applied(2)).to.equal('x');
    });

    it('that have caught up in time are not given up since a transfer goes on', () => {
      const group = Group.of(3, { catchUpTimeoutMs: ELECTION_TIMEOUT_MS / 2 });
      group.elect(0);
      group.start(3);
      group.isolate(2);
      group.change(0, '0 1 2 3');
      group.transfer(0, 2);
      group.run(ELECTION_TIMEOUT_MS - 1);
      expect(group.members(0)).to.equal('0 1 2 |  | 3');
      group.run(3 * HEARTBEAT_MS);
      expect(group.server(0).changeOutcomes).to.deep.equal([{ outcome: 'done' }]);
      expect(group.members(0)).to.equal('0 1 2 3');
    });

    it('whose change ended with their leader are taken up by the next one, or dropped', () => {
      for (const voters of ['0 1 2 3', '0 1 2']) {
        const group = led(3, 4);
        group.change(0, '0 1 2 3 4');
        group.deliver();
        group.crash(0);
        group.drop();
        group.win(1);
        group.cut(1, 3);
        group.deliverAll();
        expect(group.members(1)).to.equal('0 1 2 |  | 3 4');
        group.heal();
        group.changeTo(1, voters);
        expect(group.members(1)).to.equal(voters);
      }
    });
  });

  describe('4.3: while joint', () => {
    /** C_old,new of {0, 1, 2} and {2, 3, 4} is appended at 0, and on its way to the others. */
    function joint(options?: ServerOptions): Group {
      const group = Group.of(3, options);
      group.elect(0);
      group.start(3, 4);
      group.change(0, '2 3 4');
      while (group.members(0) !== '2 3 4 | 0 1 2') group.deliver();
      return group;
    }

    it('commits with majorities of both', () => {
      for (const [silent, isCommitted] of [
        [[1, 2], false],
        [[3, 4], false],
        [[1, 3], true],
      ] as const) {
        const group = joint();
        for (const id of silent) group.isolate(id);
        const { commitIndex } = group.raft(0);
        group.deliverAll();
        expect(group.commitIndex(0) > commitIndex, `without ${silent}`).to.equal(isCommitted);
      }
    });

    it('elects with majorities of both, in pre-votes as in votes', () => {
      for (const [up, isElected] of [
        [[2, 3, 4], false],
        [[0, 1, 2], false],
        [[1, 2, 3], true],
      ] as const) {
        const group = joint();
        group.deliver();
        group.drop();
        for (const { id } of group.servers) if (!up.some((one) => one === id)) group.crash(id);
        for (const id of up) expect(group.members(id)).to.equal('2 3 4 | 0 1 2');
        for (const id of up) group.restart(id);
        group.run(6 * ELECTION_TIMEOUT_MS);
        expect(group.leader !== undefined, `of ${up}`).to.equal(isElected);
      }
    });

    it('keeps its lease with answers of majorities of both alone', () => {
      for (const [silent, isKept] of [
        [[1, 2], false],
        [[3, 4], false],
        [[1, 3], true],
      ] as const) {
        const group = joint();
        const before = group.raft(0).leaseEndMs;
        for (const id of silent) group.isolate(id);
        group.drop();
        group.advance(HEARTBEAT_MS);
        group.deliver();
        group.deliver();
        expect(group.raft(0).leaseEndMs > before, `without ${silent}`).to.equal(isKept);
      }
    });

    it('confirms reads by majorities of both alone, in each of which it counts itself where it votes', () => {
      for (const [silent, isConfirmed] of [
        [[1, 2], false],
        [[3, 4], false],
        // It votes in C_old alone, and is one of the two that are needed there.
        [[1, 3], true],
      ] as const) {
        const group = joint({ leaseMs: 0 });
        for (const id of silent) group.isolate(id);
        const read = group.read(0);
        group.deliverAll();
        expect(read.outcome === 'confirmed', `without ${silent}`).to.equal(isConfirmed);
      }
    });

    it('steps down without a majority of the old voters', () => {
      const group = joint();
      for (const id of [1, 2]) group.isolate(id);
      group.run(ELECTION_TIMEOUT_MS + HEARTBEAT_MS);
      expect(group.raft(0).role).to.equal('follower');
    });

    it('is gone on with by the next leader, which finds it in its log', () => {
      const group = joint();
      group.deliver();
      group.crash(0);
      group.drop();
      group.elect(2);
      group.run(2 * HEARTBEAT_MS);
      expect(group.members(2)).to.equal('2 3 4');
      expect(group.server(2).changeOutcomes).to.deep.equal([{ outcome: 'done' }]);
    });
  });
});
