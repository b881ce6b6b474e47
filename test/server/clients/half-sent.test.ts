import { expect } from 'chai';
import { MAX_VALUE_BYTES } from '../../../src/limits.js';
import { HALF_SENT_BYTES_PER_MS, HALF_SENT_TIMEOUT_MS } from '../../../src/time-limits.js';
import { Leader } from '../../support/server/server-side.js';

const VALUE_BYTES = 1024 * 1024;

describe('a client that has sent half a command', () => {
  /** Goes on to when clients are looked at next. */
  function look(leader: Leader): void {
    leader.nowMs = leader.deadlineMs;
    leader.turn();
  }

  function isClosed(leader: Leader, client: number): boolean {
    return leader.toldTo(client).includes('<close>');
  }

  it('is closed once it has had the time for the rest, be it silent or slow', () => {
    const leader = new Leader();
    leader.send(1, 'set k 0 100\r\nab');
    leader.send(2, '*2\r\n$3\r\nGET\r\n');
    leader.turn();
    expect(leader.deadlineMs).to.equal(leader.nowMs + HALF_SENT_TIMEOUT_MS);
    for (let n = 0; n < 10; n += 1) {
      leader.nowMs += HALF_SENT_TIMEOUT_MS / 11;
      leader.send(1, 'c');
      leader.turn();
    }
    look(leader);
    expect(isClosed(leader, 2), 'the silent one').to.equal(true);
    look(leader);
    expect(isClosed(leader, 1), 'the slow one').to.equal(true);
  });

  it('is closed as well if that is bad, and thrown away as it comes', () => {
    const leader = new Leader();
    const tooLarge = 2 * MAX_VALUE_BYTES;
    leader.send(1, 'x'.repeat(10_000));
    leader.send(2, `set k 0 ${tooLarge}\r\nab`);
    leader.send(3, `*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${tooLarge}\r\n`);
    leader.turn();
    for (let n = 0; n < 10; n += 1) {
      leader.nowMs += HALF_SENT_TIMEOUT_MS / 11;
      for (const client of [1, 2, 3]) leader.send(client, 'x');
      leader.turn();
    }
    look(leader);
    look(leader);
    expect([1, 2, 3].filter((client) => !isClosed(leader, client))).to.deep.equal([]);
  });

  it('has more time for a large value, as long as that comes', () => {
    const leader = new Leader();
    leader.send(1, `set k 0 ${VALUE_BYTES}\r\n`);
    leader.turn();
    leader.nowMs += HALF_SENT_TIMEOUT_MS - 1;
    leader.send(1, 'x'.repeat(2 * HALF_SENT_BYTES_PER_MS * 1_000));
    leader.turn();
    look(leader);
    expect(isClosed(leader, 1)).to.equal(false);
  });

  it('stays if it was another command, or if the rest has come', () => {
    const leader = new Leader();
    leader.send(1, 'bogus\r\nbo');
    leader.send(2, 'bo');
    leader.turn();
    leader.nowMs += HALF_SENT_TIMEOUT_MS - 1;
    leader.send(1, 'gus\r\nbo');
    leader.send(2, 'gus\r\n');
    leader.turn();
    leader.nowMs += 1;
    leader.turn();
    expect(isClosed(leader, 1) || isClosed(leader, 2)).to.equal(false);
    look(leader);
    expect(isClosed(leader, 1), 'once it does the same again').to.equal(true);
    expect(leader.deadlineMs).to.equal(Number.POSITIVE_INFINITY);
  });
});
