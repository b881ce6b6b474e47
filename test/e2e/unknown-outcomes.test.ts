/** Client libraries, with the options that docs/redis.md recommends, never do a write twice. */

import { expect } from 'chai';
import { Cluster as IoCluster, Redis } from 'ioredis';
import { createCluster } from 'redis';
import { eventually, TestCluster } from '../support/cluster.js';

const KILLS = 4;

describe('a client library that loses leaders', function () {
  // The libraries wait as long as they like between their tries.
  this.timeout(120_000);
  let cluster: TestCluster;

  beforeEach(async () => {
    cluster = await TestCluster.start();
  });

  afterEach(() => cluster.close());

  /** Increments a key all the time while leaders are killed; returns how often it was told a number, and an error. */
  async function count(increment: () => Promise<number>): Promise<{ told: number; failed: number }> {
    const counted = { told: 0, failed: 0 };
    let isOver = false;
    const counting = Promise.all(
      Array.from({ length: 8 }, async () => {
        while (!isOver) {
          await increment().then(
            () => {
              counted.told += 1;
            },
            async () => {
              counted.failed += 1;
              await new Promise((resolve) => setTimeout(resolve, 1));
            },
          );
        }
      }),
    );
    try {
      for (let n = 0; n < KILLS; n += 1) {
        const { told } = counted;
        await eventually('it counts', () => counted.told > told + 20);
        const leader = await cluster.leader();
        await cluster.cluster.kill(leader);
        await cluster.leader();
        await cluster.cluster.restart(leader);
      }
    } finally {
      isOver = true;
    }
    await counting;
    return counted;
  }

  it('is told by a code of its own at the router', async () => {
    const redis = new Redis({ port: cluster.cluster.routerAddress?.port ?? 0, maxRetriesPerRequest: 0 });
    const errors = new Set<string>();
    const { told, failed } = await count(() =>
      redis.incr('n').catch((error: Error) => {
        errors.add(error.message);
        throw error;
      }),
    );
    expect(Number(await redis.get('n'))).to.be.within(told, told + failed);
    redis.disconnect();
    // Nothing happened where no leader was found in time, as on a busy machine.
    for (const message of errors) expect(message).to.match(/^(?:UNKNOWN|CLUSTERDOWN) /);
  });

  it('repeats no increment as a cluster client of ioredis', async () => {
    const redis = new IoCluster(
      cluster.ids.map((id) => ({ ...cluster.cluster.serverAddress(id) })),
      { retryDelayOnFailover: 0, clusterRetryStrategy: () => 20, retryDelayOnClusterDown: 20 },
    );
    redis.on('error', () => undefined);
    const { told, failed } = await count(() => redis.incr('n'));
    const { port } = cluster.cluster.serverAddress(await cluster.leader());
    const reader = new Redis(port);
    expect(Number(await reader.get('n'))).to.be.within(told, told + failed);
    reader.disconnect();
    redis.disconnect();
  });

  it('does not wait for a killed server as a cluster client of node-redis', async () => {
    const rootNodes = cluster.ids.map((id) => ({ socket: { ...cluster.cluster.serverAddress(id) } }));
    const redis = createCluster({ rootNodes, defaults: { disableOfflineQueue: true } });
    redis.on('error', () => undefined);
    await redis.connect();
    expect(await redis.incr('n')).to.equal(1);
    await cluster.cluster.kill(await cluster.leader());
    const outcome: unknown = await redis.incr('n').catch((error: unknown) => error);
    if (outcome !== 2) expect(outcome).to.be.instanceOf(Error);
    redis.destroy();
  });
});
