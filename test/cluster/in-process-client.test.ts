import { expect } from 'chai';
import { WAIT_TIMEOUT_MS } from '../support/cluster.js';
import { codeOf, newCluster } from '../support/new-cluster.js';

describe('a client in the process of its cluster', () => {
  it('needs no router, and waits for a cluster that is about to start', async () => {
    const cluster = await newCluster({ servers: 1, routerPort: null });
    const kv = cluster.client({ timeoutMs: WAIT_TIMEOUT_MS });
    const written = kv.set('k', 'v');
    await cluster.start();
    expect(await written).to.equal(1);
    expect(cluster.routerAddress).to.equal(undefined);
    await cluster.close();
  });

  it('is closed with its cluster', async () => {
    const cluster = await newCluster({ servers: 1 });
    const [used, unused, closed] = [cluster.client(), cluster.client(), cluster.client()];
    await cluster.start();
    await used.set('k', 'v');
    await closed.close();
    await cluster.close();
    for (const kv of [used, unused, closed, cluster.client({ timeoutMs: 100 })])
      expect(await codeOf(kv.get('k'))).to.be.oneOf(['ERR_CLOSED', 'ERR_TIMEOUT']);
  });

  it('belongs to its cluster, where there are several', async () => {
    const clusters = await Promise.all([newCluster({ servers: 1 }), newCluster({ servers: 1 })]);
    await Promise.all(clusters.map((cluster) => cluster.start()));
    const [one, other] = clusters.map((cluster) => cluster.client({ timeoutMs: WAIT_TIMEOUT_MS }));
    await one?.set('k', 'one');
    expect(await other?.get('k')).to.equal(undefined);
    await Promise.all(clusters.map((cluster) => cluster.close()));
  });
});
