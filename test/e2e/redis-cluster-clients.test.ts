/** Cluster clients of other people on the servers' ports: what they make of replicas, of dead servers, and of no leader. */

import { expect } from 'chai';
import { Cluster as IoCluster } from 'ioredis';
import { createCluster } from 'redis';
import { eventually, TestCluster } from '../support/cluster.js';
import { useRedisClients } from '../support/redis-clients.js';

const READS = 30;

interface ClusterClient {
  connect(): Promise<unknown>;
  set(key: string, value: string): Promise<unknown>;
  get(key: string): Promise<string | null>;
  close(): void;
}

function isDown(clusterInfo: string): boolean {
  return clusterInfo.includes('cluster_state:fail');
}

function hasConnected(client: ClusterClient): Promise<boolean> {
  return client.connect().then(
    () => true,
    () => false,
  );
}

describe('cluster clients', () => {
  let cluster: TestCluster;
  const clients: ClusterClient[] = [];
  const open = useRedisClients();

  beforeEach(async () => {
    cluster = await TestCluster.start();
  });

  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await cluster.close();
  });

  function addresses(): { host: string; port: number }[] {
    return cluster.ids.map((id) => {
      const { host, port } = cluster.cluster.serverAddress(id);
      return { host, port };
    });
  }

  /** ioredis, which tries again by itself once it was told to connect. */
  function ioredis(): ClusterClient {
    const client = new IoCluster(addresses(), {
      scaleReads: 'slave',
      lazyConnect: true,
      redisOptions: { maxRetriesPerRequest: 0 },
    });
    client.on('error', () => undefined);
    return keep({
      connect: async () => {
        if (client.status === 'wait') await client.connect();
      },
      set: (key, value) => client.set(key, value),
      get: (key) => client.get(key),
      close: () => client.disconnect(),
    });
  }

  function nodeRedis(): ClusterClient {
    const rootNodes = addresses().map((socket) => ({ socket }));
    const client = createCluster({ rootNodes, useReplicas: true });
    client.on('error', () => undefined);
    return keep({
      connect: () => client.connect(),
      set: (key, value) => client.set(key, value),
      get: (key) => client.get(key),
      close: () => client.destroy(),
    });
  }

  function keep(client: ClusterClient): ClusterClient {
    clients.push(client);
    return client;
  }

  /** What each server tells of the cluster. */
  function states(): Promise<string[]> {
    return Promise.all(
      addresses().map(async ({ port }) => String(await (await open(port)).call('CLUSTER', 'INFO'))),
    );
  }

  async function readsOwnWrites(client: ClusterClient): Promise<void> {
    for (let i = 0; i < READS; i += 1) {
      await client.set('scaled', `${i}`);
      expect(await client.get('scaled')).to.equal(`${i}`);
    }
  }

  for (const [name, make] of [
    ['ioredis', ioredis],
    ['node-redis', nodeRedis],
  ] as const) {
    it(`read from replicas what they have written: ${name}`, async () => {
      const client = make();
      await client.connect();
      await readsOwnWrites(client);
    });

    it(`connect, and read from replicas, while a server is down: ${name}`, async () => {
      const [id = 0] = await cluster.followers();
      await cluster.cluster.kill(id);
      const client = make();
      await client.connect();
      await readsOwnWrites(client);
    });

    it(`go on after a time without a leader, or connect once it is over: ${name}`, async () => {
      const before = make();
      await before.connect();
      await before.set('k', 'v');
      await cluster.cluster.partition(cluster.ids.map((id) => [id]));
      await eventually('no server knows of a leader', async () => (await states()).every(isDown));
      const during = make();
      expect(await hasConnected(during)).to.equal(false);
      await cluster.cluster.heal();
      await eventually('it connects', () => hasConnected(during));
      for (const client of [before, during])
        await eventually('it reads', () =>
          client.get('k').then(
            (value) => value === 'v',
            () => false,
          ),
        );
    });

    it(`find the leader although the first server that they ask is cut off: ${name}`, async () => {
      const [id = 0] = await cluster.followers();
      await cluster.cluster.partition([[id]]);
      for (let i = 0; i < 5; i += 1) {
        const client = make();
        await client.connect();
        await client.set('k', 'v');
      }
    });
  }
});
