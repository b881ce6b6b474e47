/** Reads of Redis clients at a server that does not lead. */

import { expect } from 'chai';
import type { LogIndex } from '../../../src/raft/types.js';
import { QUORUM_WAIT_MS } from '../../../src/time-limits.js';
import { payloadOf } from '../../support/commands.js';
import { appendEntries } from '../../support/raft/messages.js';
import { resp, ServerSide } from '../../support/server/server-side.js';

const CLIENT = 1;
const TERM = 1;

/** Server 0, which follows server 2. */
class Replica extends ServerSide {
  #lastIndex: LogIndex = 0;

  constructor() {
    super();
    this.hearLeader({ leaderCommit: 0 });
    this.turn();
  }

  /** The leader sends entries of Redis commands, each with a stamp, and says how far is committed. */
  hearLeader({
    entries = [],
    leaderCommit,
    term = TERM,
  }: {
    entries?: readonly (readonly [stampMs: number, ...commands: string[]])[];
    leaderCommit: LogIndex;
    term?: number;
  }): void {
    const prevLogIndex = this.#lastIndex;
    this.#lastIndex += entries.length;
    this.hear(
      appendEntries({
        from: 2,
        term,
        prevLogIndex,
        prevLogTerm: prevLogIndex === 0 ? 0 : TERM,
        leaderCommit,
        entries: entries.map(([stampMs, ...commands], at) => ({
          index: prevLogIndex + at + 1,
          term,
          payload: payloadOf(
            stampMs,
            commands.map((line) => ({ type: 'redis', args: line.split(' ') })),
          ),
        })),
      }),
    );
  }

  /** The leader answers the last question. */
  answer(index: LogIndex, term = TERM): string {
    const request = this.asked.at(-1)?.request ?? 0;
    this.hear({ type: 'ReadIndexResponse', from: 2, to: 0, term, request, index });
    return this.turn();
  }
}

function redis(...lines: readonly string[]): string {
  return resp(...lines);
}

describe('a read after READONLY', () => {
  function replica(): Replica {
    const side = new Replica();
    side.hearLeader({ entries: [[1, 'SET k v']], leaderCommit: 1 });
    side.turn();
    side.send(CLIENT, redis('READONLY'));
    expect(side.turn()).to.equal('+OK\r\n');
    return side;
  }

  it('is answered once the leader has told how far the state must be', () => {
    const side = replica();
    side.send(CLIENT, redis('GET k'));
    expect(side.turn()).to.equal('');
    expect(side.answer(1)).to.equal('$1\r\nv\r\n');
  });

  it('waits until the state is that far', () => {
    const side = replica();
    side.send(CLIENT, redis('GET k'));
    side.turn();
    expect(side.answer(2)).to.equal('');
    side.hearLeader({ entries: [[2, 'SET k new']], leaderCommit: 2 });
    expect(side.turn()).to.equal('$3\r\nnew\r\n');
  });

  it('does not keep what is committed meanwhile from being applied', () => {
    const side = replica();
    side.send(CLIENT, redis('GET k'));
    side.turn();
    side.hearLeader({ entries: [[2, 'SET k new']], leaderCommit: 2 });
    side.turn();
    expect(side.appliedIndex).to.equal(2);
    expect(side.answer(1)).to.equal('$3\r\nnew\r\n');
  });

  it('shares a question with those of other clients in the same turn, and with no later ones', () => {
    const side = replica();
    side.sendAll([2, redis('READONLY', 'GET k')], [CLIENT, redis('GET k', 'EXISTS k')]);
    side.turn();
    expect(side.asked).to.have.length(1);
    const [first] = side.asked;
    side.send(3, redis('READONLY', 'GET k'));
    side.turn();
    expect(side.asked).to.have.length(2);
    side.hear({
      type: 'ReadIndexResponse',
      from: 2,
      to: 0,
      term: TERM,
      request: first?.request ?? 0,
      index: 1,
    });
    side.turn();
    expect(side.toldTo(CLIENT)).to.equal('+OK\r\n$1\r\nv\r\n:1\r\n');
    expect(side.toldTo(3)).to.equal('+OK\r\n');
    side.answer(1);
    expect(side.toldTo(3)).to.equal('+OK\r\n$1\r\nv\r\n');
  });

  it('keeps its place among what else the client sends', () => {
    const side = replica();
    side.send(CLIENT, redis('GET k', 'PING', 'SET k 2', 'SCAN 0', 'READWRITE', 'GET k'));
    expect(side.turn()).to.equal('');
    side.answer(1);
    side.answer(1);
    side.turn();
    expect(side.toldTo(CLIENT)).to.equal(
      '+OK\r\n$1\r\nv\r\n+PONG\r\n-CLUSTERDOWN The cluster is down\r\n' +
        '*2\r\n$1\r\n0\r\n*1\r\n$1\r\nk\r\n+OK\r\n-CLUSTERDOWN The cluster is down\r\n',
    );
  });

  it('goes through all keys', () => {
    const side = replica();
    side.send(CLIENT, redis('KEYS *'));
    side.turn();
    side.answer(1);
    expect(side.turn()).to.equal('*1\r\n$1\r\nk\r\n');
  });

  it('is told that the cluster is down when the leader does not answer in time, and nothing is kept of it', () => {
    const side = replica();
    side.send(CLIENT, redis('GET k'));
    side.turn();
    side.nowMs += QUORUM_WAIT_MS;
    side.hearLeader({ leaderCommit: 1 });
    expect(side.turn()).to.equal('-CLUSTERDOWN The cluster is down\r\n');
    expect(side.answer(1)).to.equal('');
  });

  it('is asked for at the next leader', () => {
    const side = replica();
    side.send(CLIENT, redis('GET k'));
    side.turn();
    side.hearLeader({ leaderCommit: 1, term: TERM + 1 });
    side.turn();
    side.turn();
    expect(side.asked.map(({ term }) => term)).to.deep.equal([TERM, TERM + 1]);
    expect(side.answer(1, TERM + 1)).to.equal('$1\r\nv\r\n');
  });

  it('is answered as the leader by a server that comes to lead', () => {
    const side = replica();
    side.send(CLIENT, redis('GET k', 'SET k mine'));
    side.turn();
    side.lead();
    side.acknowledge();
    expect(side.toldTo(CLIENT)).to.equal('+OK\r\n$1\r\nv\r\n+OK\r\n');
  });

  it('is not shown a key that had outlived its deadline, and waits for the stamp that removes it', () => {
    const side = replica();
    const nowMs = 1_000_000;
    side.nowMs = nowMs;
    side.hearLeader({ entries: [[nowMs, 'SET short v PX 10']], leaderCommit: 2 });
    side.turn();
    side.nowMs = nowMs + 10;
    side.send(CLIENT, redis('GET short'));
    side.turn();
    expect(side.answer(2)).to.equal('');
    side.hearLeader({ entries: [[nowMs + 10]], leaderCommit: 3 });
    expect(side.turn()).to.equal('$-1\r\n');
  });

  it('is sent to the leader without READONLY', () => {
    const side = replica();
    side.send(2, redis('GET k'));
    expect(side.turn()).to.equal('-CLUSTERDOWN The cluster is down\r\n');
    expect(side.asked).to.deep.equal([]);
  });
});

describe('INFO keyspace', () => {
  it('is answered at once, without keys, while no leader is known', () => {
    const side = new ServerSide();
    side.send(CLIENT, redis('INFO', 'INFO keyspace'));
    expect(side.turn()).to.include('redis_version').and.include('# Keyspace').and.not.include('db0');
  });

  it('counts keys once they are known to be current, and tells nothing of them otherwise', () => {
    const side = new Replica();
    side.hearLeader({ entries: [[1, 'SET k v']], leaderCommit: 1 });
    side.turn();
    side.send(CLIENT, redis('INFO keyspace'));
    expect(side.turn()).to.equal('');
    expect(side.answer(1)).to.include('db0:keys=1,');
    side.send(CLIENT, redis('INFO'));
    expect(side.turn()).to.equal('');
    side.nowMs += QUORUM_WAIT_MS;
    side.hearLeader({ leaderCommit: 1 });
    expect(side.turn()).to.include('role:slave').and.not.include('db0');
    side.send(CLIENT, redis('INFO server'));
    expect(side.turn()).to.include('redis_version');
  });
});

describe('SUBSCRIBE at a server that does not lead', () => {
  const REPLY = '*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n';

  it('is answered once the state has all that was acknowledged, of which nothing is told', () => {
    const side = new Replica();
    side.send(CLIENT, redis('SUBSCRIBE x'));
    expect(side.turn()).to.equal('');
    expect(side.answer(1)).to.equal('');
    side.hearLeader({ entries: [[1, 'SET k v']], leaderCommit: 1 });
    expect(side.turn()).to.equal(REPLY);
  });

  it('is refused while nobody leads', () => {
    const side = new ServerSide();
    side.send(CLIENT, redis('SUBSCRIBE x', 'PING'));
    expect(side.turn()).to.equal('-CLUSTERDOWN The cluster is down\r\n+PONG\r\n');
  });
});
