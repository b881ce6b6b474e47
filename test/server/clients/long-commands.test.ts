import { expect } from 'chai';
import { MAX_ENCODED_ARGS, MAX_REPLY_WORK_PER_TURN } from '../../../src/limits.js';
import { MAX_PARSED_ARGS } from '../../../src/redis-limits.js';
import { MAX_ARGS_AT_ONCE } from '../../../src/state-machine/redis/long-commands.js';
import { Leader, resp, set } from '../../support/server/server-side.js';

const MANY = 10 * MAX_PARSED_ARGS;

function keys(count: number): string {
  return Array.from({ length: count }, (_, i) => i.toString(36)).join(' ');
}

/** What was told in each turn until many of them have done nothing that anybody sees. */
function turnsOf(leader: Leader): readonly string[] {
  const told: string[] = [];
  for (let quiet = 0; quiet < 50; ) {
    const text = leader.turn() + leader.acknowledge();
    quiet = text === '' ? quiet + 1 : 0;
    told.push(text);
  }
  return told;
}

describe('a command of very many arguments', () => {
  it('is taken in several turns, in which others are served', () => {
    const leader = new Leader();
    leader.send(1, resp(`DEL ${keys(MANY)}`));
    leader.send(2, 'get k\r\n');
    expect(leader.turn()).to.equal('ERR_NOT_FOUND\r\n');
    const { index } = leader.raft.lastLog;
    for (let turns = 1; turns < MANY / MAX_PARSED_ARGS - 2; turns += 1) {
      leader.turn();
      expect(leader.raft.lastLog.index).to.equal(index);
      leader.send(2, 'get k\r\n');
      expect(leader.turn()).to.equal('ERR_NOT_FOUND\r\n');
      turns += 1;
    }
    expect(turnsOf(leader).join('')).to.equal(':0\r\n');
  });

  it('is put into an entry in several turns, in which no other write is taken', () => {
    const leader = new Leader();
    const count = 3 * MAX_ENCODED_ARGS;
    leader.send(1, resp('MULTI', ...Array.from({ length: count / 4 }, () => 'SET k v EX 9')));
    turnsOf(leader);
    const { index } = leader.raft.lastLog;
    leader.send(1, resp('EXEC'));
    leader.send(2, set('after', 'it'));
    leader.turn();
    expect(leader.raft.lastLog.index).to.equal(index);
    expect(leader.toldTo(2)).to.equal('');
    turnsOf(leader);
    expect(leader.toldTo(1)).to.match(/\+OK\r\n$/);
    expect(leader.toldTo(2)).to.equal('OK 1\r\n');
  });

  it('is given up with what else was not proposed', () => {
    const leader = new Leader();
    leader.send(1, resp(`MSET ${keys(MANY)}`));
    for (let turns = 0; turns < 12; turns += 1) leader.turn();
    leader.loseTo2({ index: 1, term: 1 });
    leader.lead();
    leader.send(2, set('k', 'v'));
    expect(turnsOf(leader).join('')).to.contain('OK 1\r\n');
  });

  it('is answered in several turns, and what comes after it later', () => {
    const leader = new Leader();
    const count = 60_000;
    leader.send(1, resp(`MGET ${keys(count)}`, 'ECHO end'));
    leader.send(2, 'get k\r\n');
    const told = turnsOf(leader);
    const isWhole = leader.toldTo(1) === `*${count}\r\n${'$-1\r\n'.repeat(count)}$3\r\nend\r\n`;
    expect(isWhole, 'all of the reply, and what comes after it').to.equal(true);
    const longest = Math.max(...told.map(({ length }) => length));
    // An element that is null is 5 bytes, and counts as 65 units.
    expect(longest).to.be.below((2 * MAX_REPLY_WORK_PER_TURN) / 10);
  });

  it('is one that watches them, and EXEC is told of each', () => {
    const leader = new Leader();
    const watchAndChange = (changed: string) => {
      leader.send(1, resp(`WATCH ${keys(MAX_ARGS_AT_ONCE + 1)}`));
      turnsOf(leader);
      leader.send(2, set(changed, 'v'));
      turnsOf(leader);
      leader.send(1, resp('MULTI', 'PING', 'EXEC'));
      turnsOf(leader);
      return leader.toldTo(1);
    };
    expect(watchAndChange('other')).to.equal('+OK\r\n+OK\r\n+QUEUED\r\n*1\r\n+PONG\r\n');
    expect(watchAndChange(MAX_ARGS_AT_ONCE.toString(36))).to.match(/\+QUEUED\r\n\*-1\r\n$/);
  });

  it('is answered before what others find later, and after it what was found before', () => {
    const leader = new Leader();
    leader.send(1, resp('SET k before'));
    turnsOf(leader);
    leader.send(1, resp('SET first 1', `MGET ${keys(45_000)}`, 'GET k', 'GET k'));
    for (let turns = 0; turns < 2 * (45_000 / MAX_PARSED_ARGS); turns += 1) leader.turn();
    expect(leader.toldTo(1), 'all wait for the write').to.equal('+OK\r\n');
    // The next value of that size takes the place that the first one leaves.
    leader.send(2, set('k', 'after!') + set('l', 'others'));
    turnsOf(leader);
    expect(leader.toldTo(1).slice(-24)).to.equal('$6\r\nbefore\r\n'.repeat(2));
  });

  it('tells nobody who has left the rest of the answer', () => {
    const leader = new Leader();
    leader.send(1, resp(`MGET ${keys(MANY)}`));
    while (leader.toldTo(1) === '') leader.turn();
    const { length } = leader.toldTo(1);
    leader.leave(1);
    leader.send(2, 'get k\r\n');
    expect(turnsOf(leader).join('')).to.equal('ERR_NOT_FOUND\r\n');
    expect(leader.toldTo(1)).to.have.lengthOf(length);
  });
});

describe('writes that are much work', () => {
  const LCS = 'LCS a b LEN';
  const EXEC = resp('MULTI', ...Array.from({ length: 5 }, () => LCS), 'EXEC');

  it('are in flight one at a time of each client, and those of others come between', () => {
    const leader = new Leader();
    leader.send(1, resp(`MSET a ${'ab'.repeat(500)} b ${'ba'.repeat(500)}`));
    turnsOf(leader);
    leader.send(1, EXEC.repeat(3));
    leader.turn();
    leader.send(2, set('k', 'v'));
    const told = turnsOf(leader).join('');
    const replies = told.split('\r\n').filter((line) => line === '*5' || line === 'OK 1');
    expect(replies).to.deep.equal(['*5', 'OK 1', '*5', '*5']);
  });

  it('are those that copy large values, and add numbers with many digits', () => {
    for (const command of ['COPY a b REPLACE', 'INCRBYFLOAT f 1e-4000']) {
      const leader = new Leader();
      leader.send(1, resp(`SET a ${'x'.repeat(1_000_000)}`));
      turnsOf(leader);
      leader.send(1, resp(command).repeat(200));
      for (let turns = 0; turns < 5; turns += 1) leader.turn();
      leader.send(2, set('k', 'v'));
      const told = turnsOf(leader).join('');
      const beforeOthers = told.slice(0, told.indexOf('OK 1')).split('\r\n').length;
      expect(beforeOthers, command).to.be.within(5, 100);
    }
  });

  it('get their turn while a stream of little ones goes on', () => {
    const leader = new Leader();
    leader.send(1, resp(`MSET a ${'ab'.repeat(2000)} b ${'ba'.repeat(2000)} c 1`));
    turnsOf(leader);
    const little = resp('MULTI', 'COPY c d REPLACE', 'EXEC');
    leader.send(2, little);
    leader.turn();
    leader.send(1, EXEC);
    for (let turns = 0; turns < 100; turns += 1) {
      const { index } = leader.raft.lastLog;
      leader.send(2 + ((turns + 1) % 2), little);
      leader.turn();
      // There is always a little one in flight that is not answered.
      leader.acknowledgeUpTo(index);
    }
    expect(leader.toldTo(1)).to.contain('*5\r\n');
  });

  it('are in flight together while they are little', () => {
    const leader = new Leader();
    leader.send(1, resp('SET a 1', 'MULTI', 'COPY a b', 'EXEC', 'MULTI', 'COPY b c', 'EXEC'));
    const { index } = leader.raft.lastLog;
    leader.turn();
    leader.nowMs += 2;
    leader.turn();
    expect(leader.raft.lastLog.index).to.equal(index + 1);
    expect(turnsOf(leader).join('')).to.match(/:1\r\n.*:1\r\n$/s);
  });

  it('are LCS in steps, during which nothing is applied', () => {
    const leader = new Leader();
    leader.send(1, resp(`MSET a ${'ab'.repeat(700)} b ${'ba'.repeat(700)}`));
    turnsOf(leader);
    leader.send(1, resp(LCS));
    expect(leader.turn()).to.equal('');
    expect(turnsOf(leader).join('')).to.equal(':1399\r\n');
  });
});

describe('what many clients ask for together', () => {
  const CLIENTS = 30;
  /** The one that asks for little. */
  const OTHER = 1_000;
  const MANY_KEYS = 20_000;

  function run(leader: Leader, isDone: () => boolean): void {
    for (let turns = 0; turns < 10_000 && !isDone(); turns += 1) {
      leader.turn();
      leader.acknowledge();
    }
    expect(isDone(), 'all of it is done').to.equal(true);
  }

  /** How many of the clients who ask for much are answered before another one that asks for little. */
  function answeredBefore({ much, little }: { much: string; little: string }): number {
    const leader = new Leader();
    leader.send(OTHER, resp(`MSET a ${'ab'.repeat(400)} b ${'ba'.repeat(400)}`));
    turnsOf(leader);
    const before = leader.toldTo(OTHER);
    for (let client = 1; client <= CLIENTS; client += 1) leader.send(client, much);
    const answered = () =>
      Array.from({ length: CLIENTS }, (_, i) => leader.toldTo(i + 1)).filter((told) =>
        told.endsWith('end\r\n'),
      ).length;
    run(leader, () => answered() > 0);
    const first = answered();
    leader.send(OTHER, little);
    run(leader, () => leader.toldTo(OTHER) !== before);
    const meanwhile = answered() - first;
    run(leader, () => answered() === CLIENTS);
    return meanwhile;
  }

  const TRANSACTION = resp('MULTI', ...Array.from({ length: 9 }, () => 'LCS a b LEN'), 'EXEC', 'ECHO end');
  const SET = resp('SET k v');

  for (const [what, much, little] of [
    ['transactions', TRANSACTION, SET],
    ['writes of many keys', resp(`DEL ${keys(2 * MANY_KEYS)}`, 'ECHO end'), SET],
    ['reads of many keys', resp(`EXISTS ${keys(2 * MANY_KEYS)}`, 'ECHO end'), SET],
    [
      'writes, of which another one asks for a small one',
      resp(`DEL ${keys(2 * MANY_KEYS)}`, 'ECHO end'),
      resp(`DEL ${keys(40)}`),
    ],
  ] as const)
    it(`does not add up for another one: ${what}`, () => {
      expect(answeredBefore({ much, little })).to.be.below(5);
    }).timeout(60_000);

  it('is not executed for clients who have left', () => {
    const leader = new Leader();
    for (let client = 1; client <= CLIENTS; client += 1) leader.send(client, TRANSACTION);
    leader.turn();
    for (let client = 1; client <= CLIENTS; client += 1) leader.leave(client);
    const { index } = leader.raft.lastLog;
    turnsOf(leader);
    expect(leader.raft.lastLog.index).to.be.below(index + 5);
  });

  it('is given up where leadership is lost, and leaves the next leader room', () => {
    const leader = new Leader();
    leader.send(OTHER, resp(`MSET a ${'ab'.repeat(400)} b ${'ba'.repeat(400)}`));
    turnsOf(leader);
    for (let client = 1; client <= CLIENTS; client += 1) leader.send(client, TRANSACTION);
    leader.turn();
    leader.loseTo2({ index: leader.raft.lastLog.index, term: 1 });
    leader.lead();
    leader.send(OTHER + 1, TRANSACTION);
    run(leader, () => leader.toldTo(OTHER + 1).endsWith('end\r\n'));
  });
});

describe('MGET of few large values', () => {
  it('is answered in several turns', () => {
    const leader = new Leader();
    const value = 'v'.repeat(1_000_000);
    leader.send(1, resp(`SET a ${value}`));
    turnsOf(leader);
    leader.send(1, resp('MGET a a a a a a a a a a'));
    const told = turnsOf(leader);
    expect(told.join('').length).to.be.above(10 * value.length);
    expect(Math.max(...told.map(({ length }) => length))).to.be.below(2.1 * MAX_REPLY_WORK_PER_TURN);
  });
});
