import { expect } from 'chai';
import { hasFailedWatch } from '../../../src/server/clients/failed-watches.js';
import { Leader, resp } from '../../support/server/server-side.js';

describe('a transaction that watches a key', () => {
  function watching(): Leader {
    const leader = new Leader();
    leader.send(1, resp('WATCH k', 'MULTI', 'SET k 1'));
    leader.turn();
    leader.acknowledge();
    return leader;
  }

  it('is refused at once when the key has changed', () => {
    const leader = watching();
    leader.send(2, resp('SET k 2'));
    leader.turn();
    leader.acknowledge();
    leader.send(1, resp('EXEC', 'GET k'));
    const proposed = leader.turn();
    expect(proposed).to.equal('*-1\r\n$1\r\n2\r\n');
  });

  it('is written to the log while it may still be executed', () => {
    const leader = watching();
    leader.send(1, resp('EXEC'));
    expect(leader.turn()).to.equal('');
    expect(leader.acknowledge()).to.equal('*1\r\n+OK\r\n');
  });

  it('waits for its client’s own write before it, and is refused then', () => {
    const leader = watching();
    leader.send(1, resp('DISCARD', 'WATCH k'));
    leader.turn();
    leader.send(1, resp('SET k 2', 'MULTI', 'GET k', 'EXEC'));
    expect(leader.turn()).to.equal('');
    expect(leader.acknowledge()).to.equal('+OK\r\n+OK\r\n+QUEUED\r\n*-1\r\n');
  });

  it('is not refused for a change that may be its own, made for an earlier leader', () => {
    const keyspace = { find: () => undefined, removalsOf: () => 7 };
    const transaction = {
      type: 'redis-transaction' as const,
      watched: [{ key: 'k', mark: -1 }],
      commands: [],
    };
    const dedupeKey = { start: 's', row: 0, place: 0, repeatedBytes: 100 };
    const sentAt = (endOffset: number) =>
      hasFailedWatch({ client: { dedupeKey }, endOffset }, transaction, keyspace);
    expect([100, 101].map(sentAt)).to.deep.equal([false, true]);
  });
});
