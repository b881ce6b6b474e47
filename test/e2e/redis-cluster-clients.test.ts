/** Cluster clients of other people on the servers' ports: what they make of replicas, of dead servers, and of no leader. */

import { expect } from 'chai';
import { Cluster as IoCluster } from 'ioredis';
import { createCluster } from 'redis';
import { eventually, everyServerUp, TestCluster } from '../support/cluster.js';
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
  function ioredis({ useReplicas = true } = {}): ClusterClient {
    const client = new IoCluster(addresses(), {
      scaleReads: useReplicas ? 'slave' : 'master',
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

  function nodeRedis({ useReplicas = true } = {}): ClusterClient {
    const rootNodes = addresses().map((socket) => ({ socket }));
    const client = createCluster({ rootNodes, useReplicas });
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

    it(`go on by themselves while all members are exchanged: ${name}`, async () => {
      // With replicas, node-redis leaves a rejection to nobody when one goes while it connects to it.
      const client = make({ useReplicas: false });
      await client.connect();
      const failures: string[] = [];
      let written = 0;
      let isOver = false;
      const load = (async () => {
        while (!isOver) {
          const value = `${written + 1}`;
          // A write without a definite answer may have happened, and is tried again.
          const isDone = await client.set('moving', value).then(
            () => true,
            (error: unknown) => {
              failures.push(String(error));
              return false;
            },
          );
          if (isDone) written += 1;
        }
      })();
      const { cluster: members } = cluster;
      const goesOn = async (what: string) => {
        const before = written;
        await eventually(`it writes ${what}`, () => written > before + 10);
      };
      await goesOn('before');
      await members.addServer();
      await members.transferLeadership(3);
      await goesOn('while the new server leads');
      for (const id of [0, 1, 2]) {
        await members.removeServer(id);
        await goesOn(`without server ${id}`);
      }
      isOver = true;
      await load;
      expect(members.ids).to.deep.equal([3]);
      expect(await client.get('moving')).to.equal(`${written}`);
      // Later servers are found, too, though no address that it was given is left.
      await members.addServer();
      await members.removeServer(3);
      await eventually('it writes at a server that came later', () =>
        client.set('moving', 'on').then(
          () => true,
          () => false,
        ),
      );
      expect(failures.length, failures.join('; ')).to.be.below(20);
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

  it('are not sent around in circles when leaders are killed: ioredis as it is by default', async () => {
    const client = new IoCluster(addresses());
    const errors: string[] = [];
    client.on('error', () => undefined);
    await client.set('k', '0');
    for (let round = 0; round < 3; round += 1) {
      const leader = await cluster.leader();
      const killed = cluster.cluster.kill(leader);
      // More than there may be redirections of one command, on each of several ways.
      const calls = Array.from({ length: 50 }, (_, i) =>
        (i % 2 === 0 ? client.get('k') : client.set('k', `${i}`)).catch(({ message }: Error) => {
          errors.push(message);
        }),
      );
      await Promise.all([killed, ...calls]);
      await cluster.cluster.restart(leader);
      await everyServerUp(cluster.cluster);
    }
    client.disconnect();
    for (const message of errors) expect(message).to.match(/^UNKNOWN /);
  }).timeout(120_000);
});
