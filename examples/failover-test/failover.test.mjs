/** A test of your own client: does it get on when the leader is killed under it? */

import assert from 'node:assert/strict';
import Redis from 'ioredis';
import { Cluster } from 'threadraft';

describe('my client', () => {
  let cluster;
  let redis;

  before(async () => {
    cluster = new Cluster({ servers: 3, port: 0, routerPort: 0, memory: true });
    await cluster.start();
    redis = new Redis(cluster.routerAddress);
  });
  after(async () => {
    redis.disconnect();
    await cluster.close();
  });

  it('reads back what it wrote, although the leader is killed', async () => {
    await redis.set('order', 'paid');
    await cluster.kill(cluster.leader);
    assert.equal(await redis.get('order'), 'paid');
  });
});
