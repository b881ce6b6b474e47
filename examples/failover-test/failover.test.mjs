/** A test of your own client: does it get on when the leader is killed under it? */

import assert from 'node:assert/strict';
import Redis from 'ioredis';
import { Cluster } from 'threadraft';

describe('my client', function () {
  // A start takes a second, or several on a machine with much else to do.
  this.timeout(20_000);
  let cluster;
  let redis;

  before(async () => {
    cluster = new Cluster({ servers: 3, port: 0, routerPort: 0, memory: true });
    await cluster.start();
    redis = new Redis(cluster.routerAddress);
  });
  after(async () => {
    redis?.disconnect();
    await cluster.close();
  });

  it('reads back what it wrote, although the leader is killed', async () => {
    await redis.set('order', 'paid');
    await cluster.kill(cluster.leader);
    assert.equal(await redis.get('order'), 'paid');
  });
});
