import { expect } from 'chai';
import {
  MAX_HEARING_MS_PER_TURN,
  MAX_QUEUED_QUANTA_PER_TURN,
  MAX_TAKEN_BYTES_PER_TURN,
  MAX_TAKEN_COMMANDS_PER_TURN,
  MAX_UNREAD_REPLY_BYTES,
} from '../../../src/limits.js';
import { Leader, resp } from '../../support/server/server-side.js';

describe('clients that send more than one turn can do', () => {
  it('are answered more GETs than one turn’s quantum is in several turns', () => {
    const cases = [
      { key: 'k', quantum: MAX_TAKEN_COMMANDS_PER_TURN },
      {
        key: 'k'.repeat(250),
        quantum: Math.ceil(MAX_TAKEN_BYTES_PER_TURN / resp(`GET ${'k'.repeat(250)}`).length),
      },
    ];
    for (const { key, quantum } of cases) {
      const leader = new Leader();
      leader.send(1, resp(...Array.from({ length: 3 * quantum + 1 }, () => `GET ${key}`)));
      const told = [leader.turn(), leader.turn(), leader.turn()];
      // The first turn answers what it receives, and what has a backlog.
      expect(told.map((text) => text.length / '$-1\r\n'.length)).to.deep.equal([2 * quantum, quantum, 1]);
    }
  });

  it('queue for more than a quantum each, a few of them in a turn, whatever one of them has', () => {
    const leader = new Leader();
    const gets = (quantums: number) => 'get k\r\n'.repeat(quantums * MAX_TAKEN_COMMANDS_PER_TURN);
    const others = [2, 3, 4, 5, 6, 7, 8, 9, 10];
    const redisGets = resp(...Array.from({ length: 2 * MAX_TAKEN_COMMANDS_PER_TURN }, () => 'GET k'));
    leader.sendAll([1, gets(6)], ...others.map((client) => [client, redisGets] as const));
    const quantums = Array.from({ length: 6 }, () => {
      const told = leader.turn();
      return ['ERR_NOT_FOUND', '$-1'].map(
        (reply) => (told.split(reply).length - 1) / MAX_TAKEN_COMMANDS_PER_TURN,
      );
    });
    // The first turn answers what it receives, a quantum of each.
    expect(quantums).to.deep.equal([
      [1 + 1, 9 + 3],
      [0, 4],
      [1, 2],
      [1, 0],
      [1, 0],
      [1, 0],
    ]);
  });

  it('queue, all of them, once what came in before has taken the turn’s time', () => {
    const leader = new Leader();
    const clients = 10 * MAX_QUEUED_QUANTA_PER_TURN;
    const sets = resp(...Array.from({ length: 64 }, () => `SET k ${'v'.repeat(100)}`));
    leader.send(1, sets);
    leader.nowMs += MAX_HEARING_MS_PER_TURN;
    for (let client = 2; client <= clients; client += 1) leader.send(client, sets);
    const { length } = leader.turn() + leader.acknowledge();
    expect(length / (64 * '+OK\r\n'.length)).to.be.within(1, 1 + 2 * MAX_QUEUED_QUANTA_PER_TURN);
    for (let turns = 0; turns < clients; turns += 1) leader.acknowledge();
    for (let client = 1; client <= clients; client += 1)
      expect(leader.toldTo(client)).to.equal('+OK\r\n'.repeat(64));
  });

  it('do not keep many waiting that ask one thing each', () => {
    const leader = new Leader();
    const clients = 10 * MAX_QUEUED_QUANTA_PER_TURN;
    leader.send(1, resp('GET k'));
    leader.nowMs += MAX_HEARING_MS_PER_TURN;
    for (let client = 2; client <= clients; client += 1) leader.send(client, resp('GET k'));
    expect(leader.turn()).to.equal('$-1\r\n'.repeat(clients));
  });

  it('do not keep those waiting of whom little waits', () => {
    const leader = new Leader();
    const sets = `set k 0 1000 noreply\r\n${'v'.repeat(1000)}\r\n`.repeat(500);
    leader.sendAll(...Array.from({ length: 60 }, (_, i) => [i + 1, sets] as const));
    // As much is proposed as may be in flight.
    for (let turns = 0; turns < 60; turns += 1) leader.turn();
    leader.send(99, 'get k\r\n');
    expect(leader.turn()).to.equal('');
    expect(leader.acknowledge() + leader.turn()).to.equal(`VALUE 1000\r\n${'v'.repeat(1000)}\r\n`);
  });

  it('are answered no more GETs than they read', () => {
    const leader = new Leader();
    const value = 'v'.repeat(MAX_UNREAD_REPLY_BYTES / 2);
    leader.send(1, resp(`SET k ${value}`));
    leader.turn();
    leader.acknowledge();
    leader.send(1, resp('GET k', 'GET k', 'GET k', 'GET k'));
    const toldUntilQuiet = () => {
      let told = '';
      for (let more = leader.turn(); more !== ''; more = leader.turn()) told += more;
      return told;
    };
    const told = toldUntilQuiet();
    expect(told.split('$').length - 1).to.equal(2);
    leader.read(1, told.length);
    expect(toldUntilQuiet()).to.equal(told);
  });
});
