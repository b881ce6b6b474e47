/** A Redis client's connection at the router outlives any number of leaders. */

import { expect } from 'chai';
import { LEADER_WAIT_MS } from '../../src/time-limits.js';
import { type Raw, RedisClient } from '../../tools/support/redis-client.js';
import { eventually, TestCluster } from '../support/cluster.js';

const UNKNOWN = { error: 'UNKNOWN leadership was lost: the write may or may not have happened' };
const DOWN = { error: 'CLUSTERDOWN The cluster is down' };
const QUEUED = { simple: 'QUEUED' };
const OK = { simple: 'OK' };
const LEADERS = 6;

describe('a Redis connection at the router', () => {
  let cluster: TestCluster;
  let client: RedisClient;
  let isClosed = false;

  beforeEach(async () => {
    cluster = await TestCluster.start();
    client = await RedisClient.connect(cluster.cluster.routerAddress?.port ?? 0);
    isClosed = false;
    client.closed.then(() => {
      isClosed = true;
    });
  });

  afterEach(async () => {
    client.close();
    await cluster.close();
  });

  /** Terminates the leader, and brings it back once another one serves. */
  async function replaceLeader(): Promise<void> {
    const leader = await cluster.leader();
    await cluster.cluster.kill(leader);
    await cluster.leader();
    await cluster.cluster.restart(leader);
  }

  it('counts on through many leaders, and is told of every increment what came of it', async function () {
    this.timeout(120_000);
    let isOver = false;
    const counted = { told: 0, unknown: 0 };
    const counting = (async () => {
      while (!isOver) {
        const startMs = performance.now();
        const replies = await client.pipeline(...Array.from({ length: 20 }, () => ['INCR', 'n']));
        const tookMs = performance.now() - startMs;
        for (const reply of replies) {
          if (typeof reply === 'number') counted.told += 1;
          else {
            // No leader was found in time, as on a busy machine.
            expect([UNKNOWN, DOWN]).to.deep.include(reply);
            expect(tookMs).to.be.at.least(LEADER_WAIT_MS);
            counted.unknown += 1;
          }
        }
      }
    })();
    try {
      for (let n = 0; n < LEADERS; n += 1) {
        const { told } = counted;
        await eventually('it counts', () => counted.told > told + 20);
        await replaceLeader();
      }
    } finally {
      isOver = true;
    }
    await counting;
    const { told, unknown } = counted;
    expect(Number(await client.call('GET', 'n'))).to.be.within(told, told + unknown);
    expect(isClosed).to.equal(false);
  });

  it('still speaks the version that HELLO agreed on', async () => {
    await client.call('HELLO', '3');
    await replaceLeader();
    expect(await client.call('CONFIG', 'GET', 'timeout')).to.deep.equal({ map: [['timeout', '0']] });
  });

  it('keeps the id it has and the name it gave itself', async () => {
    const id = await client.call('CLIENT', 'ID');
    expect(await client.pipeline(['SET', 'a', '1'], ['CLIENT', 'SETNAME', 'worker'])).to.deep.equal([OK, OK]);
    for (let n = 0; n < 2; n += 1) {
      await replaceLeader();
      expect(await client.pipeline(['CLIENT', 'GETNAME'], ['CLIENT', 'ID'])).to.deep.equal(['worker', id]);
    }
  });

  it('gives up a transaction that two leaders would have shared', async () => {
    expect(await client.pipeline(['MULTI'], ['SET', 'a', '1'])).to.deep.equal([OK, QUEUED]);
    await replaceLeader();
    const replies: Raw[] = await client.pipeline(['SET', 'b', '2'], ['EXEC'], ['MGET', 'a', 'b']);
    expect(replies).to.deep.equal([
      QUEUED,
      { error: 'EXECABORT Transaction discarded because of: the leader has changed' },
      [null, null],
    ]);
    const next = await client.pipeline(['MULTI'], ['SET', 'a', '3'], ['EXEC'], ['GET', 'a']);
    expect(next).to.deep.equal([OK, QUEUED, [OK], '3']);
  });

  it('takes watched keys for changed once their leader is gone', async () => {
    expect(await client.pipeline(['SET', 'w', '1'], ['WATCH', 'w'])).to.deep.equal([OK, OK]);
    await replaceLeader();
    const replies = await client.pipeline(['MULTI'], ['SET', 'w', '2'], ['EXEC'], ['GET', 'w']);
    expect(replies).to.deep.equal([OK, QUEUED, null, '1']);
    const next = await client.pipeline(['WATCH', 'w'], ['MULTI'], ['SET', 'w', '3'], ['EXEC']);
    expect(next).to.deep.equal([OK, OK, QUEUED, [OK]]);
  });

  it('waits for a leader, and is told that there is none when none comes', async () => {
    const leader = await cluster.leader();
    const [other = 0] = await cluster.followers();
    await cluster.cluster.kill(other);
    await cluster.cluster.kill(leader);
    expect(await client.pipeline(['SET', 'a', '1'], ['PING'], ['GET', 'a'])).to.deep.equal([
      { error: 'CLUSTERDOWN The cluster is down' },
      { simple: 'PONG' },
      { error: 'CLUSTERDOWN The cluster is down' },
    ]);
    await cluster.cluster.restart(leader);
    await eventually('there is a leader again', async () => (await client.call('GET', 'a')) === null);
    expect(isClosed).to.equal(false);
  });
});
