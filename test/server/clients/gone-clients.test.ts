/** Commands of clients that have gone before they were answered. */

import { expect } from 'chai';
import { MAX_PENDING_WORK } from '../../../src/limits.js';
import { MAX_PARSED_ARGS } from '../../../src/redis-limits.js';
import { Follower, Leader, resp, set } from '../../support/server/server-side.js';

const FIRST = 1;
const LATER = 100;
/** More than there may be of whatever has a limit. */
const CLIENTS = 20;

/** Units of work (work-estimate.ts): four of them are all that there is room for. */
const BITOP = resp('BITOP NOT out in');
const UNITS_PER_ARG = 400;
const PAUSE_MS = 60_000;

/** Clients send this, and are gone before the write in it is committed. */
function goneBeforeCommit(text: string): Leader {
  const leader = new Leader();
  for (let client = FIRST; client < FIRST + CLIENTS; client += 1) {
    leader.send(client, text);
    leader.turn();
    leader.leave(client);
  }
  leader.acknowledge();
  return leader;
}

describe('a command whose client is gone before it could be answered', () => {
  it('begins no MONITOR', () => {
    const leader = goneBeforeCommit(resp('SET k v', 'MONITOR'));
    leader.send(LATER, resp('MONITOR'));
    leader.turn();
    expect(leader.toldTo(LATER)).to.equal('+OK\r\n');
  });

  it('begins no watch', () => {
    const leader = goneBeforeCommit(`${set('k', 'v')}watch *\r\n`);
    expect(leader.deadlineMs, 'when watchers are to be told a mark').to.equal(Number.POSITIVE_INFINITY);
  });

  it('asks no other servers', () => {
    const leader = new Leader();
    leader.send(FIRST, resp('SET k v', 'CLIENT LIST'));
    leader.turn();
    leader.leave(FIRST);
    expect(leader.acknowledge()).to.equal('');
  });

  it('executes its writes all the same, once they are proposed', () => {
    const leader = goneBeforeCommit(resp('SET k v', 'GET k'));
    leader.send(LATER, resp('GET k'));
    expect(leader.turn()).to.equal('$1\r\nv\r\n');
  });
});

describe('a write that a follower was asked for by a client which is gone', () => {
  it('is not done once the follower leads', () => {
    const side = new Follower();
    side.send(FIRST, resp('READONLY', 'GET k', 'SET k v'));
    side.turn();
    side.leave(FIRST);
    side.lead();
    side.turn();
    side.acknowledge();
    side.send(LATER, resp('GET k'));
    side.turn();
    expect(side.toldTo(LATER)).to.equal('$-1\r\n');
  });
});

describe('work of a client that is gone', () => {
  /** As many clients as there is room for have one of these in flight, which nobody answers. */
  function full(): Leader {
    const leader = new Leader();
    for (let client = FIRST; client < FIRST + 4; client += 1) leader.send(client, BITOP);
    leader.turn();
    return leader;
  }

  it('makes room for that of others, if it was held by a pause', () => {
    const leader = full();
    for (let client = 5; client < 5 + CLIENTS; client += 1) leader.send(client, BITOP);
    leader.turn();
    leader.ask('PAUSE', `${PAUSE_MS}`, 'WRITE');
    // Those who waited are admitted in the place of those who are answered, and held.
    leader.acknowledge();
    leader.turn();
    for (let client = 5; client < 5 + CLIENTS; client += 1) leader.leave(client);
    leader.ask('UNPAUSE');
    leader.send(LATER, BITOP);
    leader.turn();
    leader.acknowledge();
    leader.acknowledge();
    expect(leader.toldTo(LATER)).to.equal(':0\r\n');
  });

  it('makes room for that of others, if it was a costly read', () => {
    const side = new Follower();
    /** The leader tells that the reads which have come may be answered. */
    const confirm = () => {
      const request = side.asked.at(-1)?.request ?? 0;
      side.hear({ type: 'ReadIndexResponse', from: 2, to: 0, term: 1, request, index: 0 });
      side.turn();
    };
    side.send(FIRST, resp('READONLY', `BITFIELD_RO k${' GET u8 0'.repeat(10)}`));
    side.turn();
    confirm();
    side.leave(FIRST);
    side.turn();
    const count = MAX_PENDING_WORK / UNITS_PER_ARG;
    side.send(LATER, resp('READONLY', `EXISTS${' k'.repeat(count)}`));
    for (let turns = 0; turns <= count / MAX_PARSED_ARGS; turns += 1) side.turn();
    confirm();
    for (let turns = 0; turns < 100 && side.toldTo(LATER) === '+OK\r\n'; turns += 1) side.turn();
    expect(side.toldTo(LATER)).to.equal('+OK\r\n:0\r\n');
  });

  it('counts until its entry is applied, if it was proposed', () => {
    const leader = full();
    leader.leave(FIRST);
    leader.send(LATER, BITOP);
    const { index } = leader.raft.lastLog;
    leader.nowMs += 2;
    leader.turn();
    expect(leader.raft.lastLog.index).to.equal(index);
    leader.acknowledge();
    leader.nowMs += 2;
    leader.turn();
    expect(leader.raft.lastLog.index).to.equal(index + 1);
  });
});
