import { expect } from 'chai';
import { endOfTurn, NODE_ENVIRONMENT } from '../../src/environment.js';
import { KeyValueStore } from '../../src/state-machine/key-value-store.js';
import { QUORUM_WAIT_MS } from '../../src/time-limits.js';
import { payloadOf } from '../support/commands.js';
import { HASH_SECRET } from '../support/hash-secret.js';
import { appendEntriesResponse } from '../support/raft/messages.js';
import { Leader, MUCH_WORK, resp, ServerSide, set, TIMEOUT_MS } from '../support/server/server-side.js';

describe('a leader that applies', () => {
  it('answers each client its own commands, in their order, whoever shares the entry', () => {
    const leader = new Leader();
    leader.sendAll(
      [1, `${set('a', '1')}get a\r\n${set('a', '2')}get a\r\n`],
      [2, resp('SET b 1', 'INCR b', 'GET a', 'INCR b')],
      [3, `delete a\r\nget b\r\n`],
    );
    expect(leader.turn()).to.equal('');
    const { index } = leader.raft.lastLog;
    leader.acknowledge();
    expect(leader.raft.commitIndex, 'one entry').to.equal(index);
    expect(leader.toldTo(1)).to.equal('OK 1\r\nVALUE 1\r\n1\r\nOK 2\r\nVALUE 1\r\n2\r\n');
    expect(leader.toldTo(2)).to.equal('+OK\r\n:2\r\n$1\r\n2\r\n:3\r\n');
    expect(leader.toldTo(3)).to.equal('DELETED\r\nVALUE 1\r\n3\r\n');
  });

  it('answers no group before the entry of the one before it, though its reads are confirmed', () => {
    const leader = new Leader();
    leader.nowMs += 2 * TIMEOUT_MS;
    leader.send(1, set('k', 'x'));
    leader.turn();
    leader.send(2, 'get k\r\n');
    expect(leader.turn(), 'the lease is over').to.equal('');
    expect(
      leader.acknowledgeUpTo(leader.raft.commitIndex),
      'it leads, but the write is on one disk',
    ).to.equal('');
    leader.acknowledge();
    expect([leader.toldTo(1), leader.toldTo(2)]).to.deep.equal(['OK 1\r\n', 'VALUE 1\r\nx\r\n']);
  });

  it('applies what nobody waits for before a read that is not confirmed, and no entry that comes after the read', () => {
    const leader = new Leader();
    const { index } = leader.raft.lastLog;
    leader.nowMs += 2 * TIMEOUT_MS;
    leader.send(1, 'get k\r\n');
    leader.turn();
    expect(leader.raft.propose(payloadOf(leader.nowMs, [])), 'an entry of no group').to.include({
      index: index + 1,
    });
    leader.send(2, set('k', 'x'));
    leader.turn();
    const { currentTerm: term, lastLog } = leader.raft;
    // Sent before the read came: it tells what server 1 has, and not that the leader still leads.
    const echo = { round: 0, sentAtMs: 0 };
    leader.hear(
      appendEntriesResponse({
        from: 1,
        term,
        echo,
        result: { outcome: 'accepted', matchIndex: lastLog.index },
      }),
    );
    leader.turn();
    expect(leader.appliedIndex).to.equal(index + 1);
    expect(leader.toldTo(1)).to.equal('');
    leader.acknowledge();
    leader.acknowledge();
    expect([leader.toldTo(1), leader.toldTo(2)]).to.deep.equal(['ERR_NOT_FOUND\r\n', 'OK 1\r\n']);
  });

  it('answers no group when an entry before its own is applied', () => {
    const leader = new ServerSide();
    leader.winElection();
    leader.send(1, set('k', 'x'));
    leader.turn();
    const { index } = leader.raft.lastLog;
    expect(leader.acknowledgeUpTo(index - 1)).to.equal('');
    expect(leader.raft.commitIndex).to.equal(index - 1);
    expect(leader.acknowledgeUpTo(index)).to.equal('OK 1\r\n');
  });

  it('answers no read from a state that lags what is committed', () => {
    const leader = new Leader();
    leader.send(2, MUCH_WORK);
    leader.turn();
    leader.send(1, set('k', 'x'));
    leader.turn();
    leader.acknowledge();
    expect(leader.toldTo(1), 'its write is committed and waits to be applied').to.equal('');
    leader.send(3, 'get k\r\n');
    leader.send(4, resp('GET k'));
    leader.turn();
    expect(leader.toldTo(1)).to.equal('OK 1\r\n');
    expect(leader.toldTo(3)).to.equal('VALUE 1\r\nx\r\n');
    expect(leader.toldTo(4)).to.equal('$1\r\nx\r\n');
  });

  it('tells those whose writes were lost with the leadership that their outcome is unknown', () => {
    const leader = new Leader();
    const { lastLog } = leader.raft;
    leader.send(1, `${set('k', 'x')}get k\r\n`);
    leader.route(2, set('k', 'y'));
    leader.turn();
    leader.loseTo2(lastLog);
    expect(leader.toldTo(1)).to.equal('ERR_INTERNAL\r\nERR_INTERNAL\r\n');
    expect(leader.toldTo(2)).to.equal('<refuse>');
    leader.lead();
    leader.send(3, 'get k\r\n');
    leader.turn();
    expect(leader.toldTo(3)).to.equal('ERR_NOT_FOUND\r\n');
    expect(leader.toldTo(1), 'it is told once').to.equal('ERR_INTERNAL\r\nERR_INTERNAL\r\n');
  });

  for (const [how, end] of [
    ['loses the lead', (leader: Leader) => leader.loseTo2(leader.raft.lastLog)],
    [
      'has waited too long for it',
      (leader: Leader) => {
        leader.nowMs += QUORUM_WAIT_MS;
        leader.turn();
        leader.loseTo2(leader.raft.lastLog);
      },
    ],
  ] as const)
    it(`leaves what it has answered of an entry as it is when it ${how} in the midst of that entry`, () => {
      const leader = new Leader();
      leader.sendAll(
        [1, `${set('a', '1')}watch *\r\n`],
        [2, resp('SET b 1', 'WATCH b')],
        [3, MUCH_WORK + resp('ECHO end')],
      );
      leader.turn();
      leader.acknowledge();
      expect(leader.toldTo(1)).to.match(/WATCHING/);
      expect(leader.toldTo(2)).to.equal('+OK\r\n+OK\r\n');
      expect(leader.toldTo(3), 'the entry is not applied as a whole').to.not.contain('end');
      end(leader);
      leader.lead();
      for (let turns = 0; turns < 10; turns += 1) leader.turn();
      leader.send(1, 'get a\r\n');
      leader.send(2, resp('MULTI', 'SET b 2', 'EXEC'));
      leader.turn();
      leader.acknowledge();
      expect(leader.toldTo(1), 'still watching').to.match(/ERR_CMD_ERR\r\n$/);
      expect(leader.toldTo(2), 'still valid').to.match(/\*1\r\n\+OK\r\n$/);
    });
});

describe('a server that installs a snapshot', () => {
  it('applies nothing once more that the snapshot has in it', async () => {
    const server = new Leader();
    server.send(1, MUCH_WORK);
    server.turn();
    server.send(2, set('k', 'x'));
    server.turn();
    const { lastLog } = server.raft;
    server.acknowledge();
    expect(server.toldTo(2), 'its write is committed and waits to be applied').to.equal('');
    // In the snapshot the key was deleted.
    server.snapshotImage = async function* () {
      const image = new KeyValueStore(HASH_SECRET).image();
      for (let piece = image.next(1024); piece !== undefined; piece = image.next(1024)) yield piece;
    };
    server.install({ ...lastLog, byteLength: 9 });
    server.loseTo2(lastLog);
    await endOfTurn(NODE_ENVIRONMENT);
    server.lead();
    server.send(3, 'get k\r\n');
    for (let turns = 0; turns < 10; turns += 1) server.turn();
    expect(server.toldTo(3)).to.equal('ERR_NOT_FOUND\r\n');
  });

  it('fails if it cannot be read, unless a newer one has taken its place', async () => {
    const failures: unknown[] = [];
    const server = new ServerSide();
    server.onFailure = (error) => failures.push(error);
    const reads: ((error: Error) => void)[] = [];
    server.snapshotImage = async function* () {
      yield await new Promise<Uint8Array>((_, reject) => reads.push(reject));
    };
    server.install({ index: 1, term: 1, byteLength: 9 });
    server.install({ index: 2, term: 1, byteLength: 9 });
    const [older, newer] = [new Error('the older one was removed'), new Error('EIO')];
    reads[0]?.(older);
    await endOfTurn(NODE_ENVIRONMENT);
    expect(failures).to.deep.equal([]);
    reads[1]?.(newer);
    await endOfTurn(NODE_ENVIRONMENT);
    expect(failures).to.deep.equal([newer]);
  });
});
