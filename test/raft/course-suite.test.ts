/**
 * The situations that a well-known course makes its students' Raft go through, on this core: what a group must
 * still do, and what it must not, while servers fail and return.
 */

import { expect } from 'chai';
import { Group } from '../support/raft/group.js';
import { ELECTION_TIMEOUT_MS, HEARTBEAT_MS, type ServerOptions } from '../support/raft/server.js';

describe('the course suite', () => {
  function led(count: number, options?: ServerOptions): Group {
    const group = Group.of(count, options);
    group.elect(0);
    return group;
  }

  /** Lets a leader emerge on one side of a partition, or anywhere, and returns it. */
  function elected(group: Group, among: readonly number[]): number {
    const leads = (id: number) =>
      group.server(id).isUp && group.raft(id).role === 'leader' && group.raft(id).isServing;
    group.runUntil(() => among.some(leads));
    return among.find(leads) ?? Number.NaN;
  }

  function everyone(group: Group): readonly number[] {
    return group.servers.map(({ id }) => id);
  }

  function expectAllApplied(group: Group, applied: string): void {
    for (const { id } of group.servers) expect(group.applied(id), `server ${id}`).to.equal(applied);
  }

  describe('agreement', () => {
    it('basic: what is proposed is applied everywhere, in order', () => {
      const group = led(3);
      group.agree(0, 'a');
      group.agree(0, 'b');
      group.agree(0, 'c');
      expectAllApplied(group, 'a b c');
    });

    it('sends each byte to each follower once', () => {
      const group = led(3);
      const payload = 'x'.repeat(500);
      const sent = group.sentDuring(() => {
        for (let i = 0; i < 10; i += 1) group.agree(0, payload);
      });
      const payloads = sent.flatMap((message) => (message.type === 'AppendEntries' ? message.entries : []));
      const bytes = payloads.reduce((sum, entry) => sum + entry.payload.byteLength, 0);
      expect(bytes).to.equal(2 * 10 * 500);
    });

    it('progressive failure of followers: goes on with two of three, stops with one', () => {
      const group = led(3);
      group.agree(0, 'a');
      group.isolate(1);
      group.agree(0, 'b');
      expect(group.applied(0)).to.equal('a b');

      group.isolate(2);
      group.propose(0, 'c');
      group.run(3 * ELECTION_TIMEOUT_MS);
      expect(group.applied(0)).to.equal('a b');
    });

    it('progressive failure of leaders: goes on with the second, stops with the third', () => {
      const group = led(3);
      group.agree(0, 'a');
      group.isolate(0);
      const second = elected(group, [1, 2]);
      group.agree(second, 'b');
      const third = 3 - second;
      expect(group.applied(third)).to.equal('a b');

      group.isolate(second);
      group.run(10 * ELECTION_TIMEOUT_MS);
      expect(group.leader).to.equal(undefined);
      expect(group.propose(third, 'c')).to.equal(undefined);
      for (const id of [second, third]) expect(group.applied(id)).to.equal('a b');
    });

    it('a follower that was away catches up', () => {
      const group = led(3);
      group.agree(0, 'a');
      group.isolate(2);
      group.agree(0, 'b', 'c');
      group.run(5 * ELECTION_TIMEOUT_MS);
      group.agree(0, 'd');
      group.heal();
      group.run(2 * HEARTBEAT_MS);
      group.agree(0, 'e');
      expectAllApplied(group, 'a b c d e');
    });

    it('no agreement without a majority; later, what was proposed then is kept by all or by none', () => {
      const group = led(5);
      group.agree(0, 'a');
      group.partition([0, 1]);
      expect(group.propose(0, 'b')).to.deep.equal({ index: 3, term: 1 });
      group.run(2 * ELECTION_TIMEOUT_MS);
      expect(group.commitIndex(0)).to.equal(2);

      group.heal();
      const leader = elected(group, everyone(group));
      group.agree(leader, 'c');
      expect(group.applied(leader)).to.match(/^a( b)? c$/);
      expectAllApplied(group, group.applied(leader));
    });

    it('concurrent starts: proposals of one moment all get a place of their own', () => {
      const group = led(3);
      const payloads = ['a', 'b', 'c', 'd', 'e'];
      const positions = payloads.map((payload) => group.propose(0, payload)?.index);
      expect(positions).to.deep.equal([2, 3, 4, 5, 6]);
      group.deliverAll();
      group.run(HEARTBEAT_MS);
      expectAllApplied(group, 'a b c d e');
    });

    it('rejoin of a partitioned leader: its uncommitted entries give way to the new leader’s', () => {
      const group = led(3);
      group.agree(0, 'a');
      group.isolate(0);
      for (const payload of ['lost', 'lost too', 'lost as well']) group.propose(0, payload);
      const second = elected(group, [1, 2]);
      group.agree(second, 'b');

      group.heal();
      group.isolate(second);
      const third = elected(group, [0, 3 - second]);
      expect(third, 'server 0 lacks `b`').to.equal(3 - second);
      group.agree(third, 'c');
      expect(group.applied(0)).to.equal('a b c');

      group.heal();
      group.agree(third, 'd');
      group.run(2 * HEARTBEAT_MS);
      expectAllApplied(group, 'a b c d');
    });

    it('quick back-up over incorrect logs: few messages, however many entries are wrong', () => {
      const WRONG = 50;
      const group = led(5, { maxAppendBytes: 100_000, maxInflightBytes: 100_000 });
      group.agree(0, 'a');
      // A leader with one follower takes many entries that it cannot commit, ...
      group.partition([0, 1]);
      for (let i = 0; i < WRONG; i += 1) group.propose(0, `wrong${i}`);
      group.deliverAll();
      // ... and the next leader as many that it can.
      group.crash(0);
      group.crash(1);
      const second = elected(group, [2, 3, 4]);
      for (let i = 0; i < WRONG; i += 1) group.propose(second, `right${i}`);
      group.deliverAll();
      group.run(HEARTBEAT_MS);

      group.restart(0);
      group.restart(1);
      group.heal();
      const sent = group.sentDuring(() => group.run(2 * HEARTBEAT_MS));
      for (const id of [0, 1]) {
        expect(group.log(id)).to.equal(group.log(second));
        const toOne = sent.filter(({ to, type }) => to === id && type === 'AppendEntries');
        expect(toOne.length, `messages to server ${id}`).to.be.at.most(8);
      }
    });

    it('quick back-up over many terms: about one message a term, not one an entry', () => {
      const TERMS = 10;
      const threeOf = (entry: string) => `${entry} ${entry} ${entry}`;
      const rounds = [...Array(TERMS).keys()];
      const right = rounds.map((round) => threeOf(`${2 * round + 3}:right`)).join(' ');
      const wrong = rounds.map((round) => threeOf(`${2 * round + 2}:wrong`)).join(' ');
      const group = Group.withLogs([`1:a ${right}`, `1:a ${right}`, `1:a ${wrong}`]);
      group.win(0);
      const sent = group.sentDuring(() => group.deliverAll());
      const toOne = sent.filter(({ to, type }) => to === 2 && type === 'AppendEntries');
      expect(group.log(2)).to.equal(group.log(0));
      expect(toOne.length).to.be.at.most(TERMS + 2);
    });
  });

  describe('message counts', () => {
    it('an election takes four messages a follower', () => {
      const group = Group.of(3);
      const sent = group.sentDuring(() => group.win(0));
      const elections = sent.filter(({ type }) => type !== 'AppendEntries');
      expect(elections).to.have.length(8);
    });

    it('an idle leader sends each follower one heartbeat per interval', () => {
      const group = led(3);
      const sent = group.sentDuring(() => group.run(50 * HEARTBEAT_MS));
      expect(sent).to.have.length(2 * 2 * 50);
    });

    it('agreement takes one request and one answer per follower and proposal', () => {
      const group = led(3);
      const sent = group.sentDuring(() => {
        for (let i = 0; i < 10; i += 1) {
          group.propose(0, `${i}`);
          group.deliverAll();
        }
      });
      expect(sent).to.have.length(2 * 2 * 10);
    });

    it('a follower that is away is not flooded', () => {
      const group = led(3);
      group.crash(2);
      const sent = group.sentDuring(() => {
        for (let i = 0; i < 1000; i += 1) group.propose(0, 'x');
        group.run(50 * HEARTBEAT_MS);
      });
      const toAbsent = sent.filter(({ to }) => to === 2);
      // What may be in flight, and a heartbeat an interval.
      expect(toAbsent.length).to.be.at.most(100 + 50);
    });
  });

  describe('persistence', () => {
    it('1: a restart of all, of the leader, of a follower', () => {
      const group = led(3);
      group.agree(0, 'a');
      for (const id of everyone(group)) group.restart(id);
      const first = elected(group, everyone(group));
      group.agree(first, 'b');

      group.restart(first);
      const second = elected(group, everyone(group));
      group.agree(second, 'c');

      const follower = (second + 1) % 3;
      group.crash(follower);
      group.agree(second, 'd');
      group.restart(follower);
      group.agree(second, 'e');
      group.run(2 * HEARTBEAT_MS);
      expectAllApplied(group, 'a b c d e');
    });

    it('2: majorities that change, with restarts all the while', () => {
      const group = led(5);
      const expected: string[] = [];
      let leader = 0;
      for (let round = 0; round < 5; round += 1) {
        const away = [1, 2].map((distance) => (leader + distance) % 5);
        for (const id of away) group.crash(id);
        group.agree(leader, `x${round}`);
        expected.push(`x${round}`);

        group.crash(leader);
        for (const id of away) group.restart(id);
        const others = everyone(group).filter((id) => id !== leader);
        const next = elected(group, others);
        group.restart(leader);
        leader = next;
        group.agree(leader, `y${round}`);
        expected.push(`y${round}`);
      }
      group.run(2 * HEARTBEAT_MS);
      expectAllApplied(group, expected.join(' '));
    });

    it('3: a partitioned leader and one follower crash, and the follower restarts first', () => {
      const group = led(3);
      group.agree(0, 'a');
      group.isolate(2);
      group.agree(0, 'b');
      group.crash(0);
      group.crash(1);
      group.heal();
      group.restart(1);
      const second = elected(group, [1, 2]);
      expect(second, 'server 2 lacks `b`').to.equal(1);
      group.agree(1, 'c');
      group.restart(0);
      group.agree(1, 'd');
      group.run(2 * HEARTBEAT_MS);
      expectAllApplied(group, 'a b c d');
    });

    it('a majority loses what it had not written, and nothing that was agreed on', () => {
      const group = led(3);
      group.agree(0, 'a');
      for (const id of everyone(group)) group.holdDisk(id);
      group.propose(0, 'b');
      group.deliverAll();
      expect(group.log(1)).to.equal('1:- 1:a 1:b');
      for (const id of everyone(group)) group.restart(id);
      const leader = elected(group, everyone(group));
      group.agree(leader, 'c');
      expectAllApplied(group, 'a c');
    });
  });

  describe('under random faults', () => {
    const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8];

    /** Small and good enough to vary a script; the same numbers for the same seed. */
    function randomFrom(seed: number): (below: number) => number {
      let state = seed;
      return (below) => {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
        return Math.floor((state / 2 ** 32) * below);
      };
    }

    /** Each of two states begins with the other: no two servers applied different things in one place. */
    function expectSamePrefix(group: Group, seed: number): void {
      const states = group.servers.filter(({ isUp }) => isUp).map(({ applied }) => applied);
      const longest = states.reduce((a, b) => (b.length > a.length ? b : a), '');
      for (const state of states)
        expect(longest.startsWith(state), `seed ${seed}: "${state}" begins "${longest}"`).to.equal(true);
    }

    /** Time passes while the network loses some messages and delivers the others late. */
    function runUnreliably(group: Group, ms: number, random: (below: number) => number): void {
      for (let passed = 0; passed < ms; passed += 1) {
        group.advance(1);
        const messages = group.drop();
        const late = messages.filter(() => random(3) === 0);
        const lost = new Set(messages.filter(() => random(10) === 0));
        group.inject(...messages.filter((message) => !late.includes(message) && !lost.has(message)));
        group.deliver();
        group.inject(...late);
      }
    }

    function proposeEverywhere(group: Group, payload: string): void {
      for (const { id, isUp } of group.servers) if (isUp) group.propose(id, `${payload}${id}`);
    }

    function expectProgressAfter(group: Group, seed: number): void {
      group.heal();
      for (const { id, isUp } of group.servers) if (!isUp) group.restart(id);
      const leader = elected(group, everyone(group));
      group.agree(leader, 'end');
      group.run(2 * ELECTION_TIMEOUT_MS);
      for (const { id } of group.servers)
        expect(group.applied(id), `server ${id}, seed ${seed}`).to.match(/end$/);
      expectSamePrefix(group, seed);
    }

    it('figure 8: leaders that crash with entries half replicated', () => {
      for (const seed of SEEDS) {
        const random = randomFrom(seed);
        const group = Group.of(5);
        for (let round = 0; round < 60; round += 1) {
          group.run(random(2) === 0 ? random(10) : 2 * ELECTION_TIMEOUT_MS);
          proposeEverywhere(group, `r${round}s`);
          const { leader } = group;
          if (leader !== undefined) group.crash(leader);
          const down = group.servers.filter(({ isUp }) => !isUp);
          if (down.length >= 3) group.restart(down[random(down.length)]?.id ?? 0);
          expectSamePrefix(group, seed);
        }
        expectProgressAfter(group, seed);
      }
    });

    it('figure 8 unreliable: the same with a network that loses, delays and reorders', () => {
      for (const seed of SEEDS) {
        const random = randomFrom(seed);
        const group = Group.of(5);
        for (let round = 0; round < 40; round += 1) {
          runUnreliably(group, random(3 * ELECTION_TIMEOUT_MS), random);
          proposeEverywhere(group, `r${round}s`);
          const { leader } = group;
          if (leader !== undefined && random(2) === 0) group.isolate(leader);
          if (random(3) === 0) group.heal();
          expectSamePrefix(group, seed);
        }
        expectProgressAfter(group, seed);
      }
    });

    it('churn: servers crash, restart, are cut off and return, in any order', () => {
      for (const seed of SEEDS) {
        const random = randomFrom(seed);
        const group = Group.of(5);
        for (let round = 0; round < 60; round += 1) {
          const id = random(5);
          const faults = [
            () => group.crash(id),
            () => group.restart(id),
            () => group.isolate(id),
            () => group.heal(),
          ];
          faults[random(faults.length)]?.();
          if (group.server(id).isUp && group.applied(id) !== '' && random(4) === 0) group.compact(id);
          proposeEverywhere(group, `r${round}s`);
          runUnreliably(group, random(2 * ELECTION_TIMEOUT_MS), random);
          expectSamePrefix(group, seed);
        }
        expectProgressAfter(group, seed);
      }
    });
  });
});
