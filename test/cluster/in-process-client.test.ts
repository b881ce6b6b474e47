import { expect } from 'chai';
import { temporaryDirectory, WAIT_TIMEOUT_MS } from '../support/cluster.js';
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

  it('gives back its locks when its cluster is closed, for that may be started again', async () => {
    const directory = await temporaryDirectory();
    const options = { servers: 1, memory: false, dataDir: directory.path };
    const first = await newCluster(options);
    await first.start();
    const lock = await first.client().lock('door', { ttl: 3600 });
    await first.close();
    expect(lock.isHeld).to.equal(false);
    const second = await newCluster(options);
    await second.start();
    try {
      expect(await second.client().get('lock:door')).to.equal(undefined);
    } finally {
      await second.close();
      await directory.remove();
    }
  });

  it('belongs to its cluster, where there are several', async () => {
    const clusters = await Promise.all([newCluster({ servers: 1 }), newCluster({ servers: 1 })]);
    await Promise.all(clusters.map((cluster) => cluster.start()));
    const [one, other] = clusters.map((cluster) => cluster.client({ timeoutMs: WAIT_TIMEOUT_MS }));
    await one?.set('k', 'one');
    expect(await other?.get('k')).to.equal(undefined);
    await Promise.all(clusters.map((cluster) => cluster.close()));
  });

  it('reads what it wrote, bytes and text alike, and what keys of other letters hold', async () => {
    const cluster = await newCluster({ servers: 1 });
    await cluster.start();
    const kv = cluster.client();
    const bytes = Buffer.from([0, 0xff, 0x0d, 0x0a]);
    await Promise.all([kv.set('text', 'grüße'), kv.set('bytes', bytes), kv.set('ключ', 'v')]);
    expect(await Promise.all(['text', 'ключ', 'absent'].map((key) => kv.get(key)))).to.deep.equal([
      'grüße',
      'v',
      undefined,
    ]);
    expect(await kv.getBuffer('bytes')).to.deep.equal(bytes);
    expect(await kv.getBuffer('absent')).to.equal(undefined);
    for (const bad of ['', 'a b', 'x'.repeat(251)])
      expect(await codeOf(kv.get(bad))).to.equal('ERR_ARGUMENT');
    await cluster.close();
  });

  it('reads from the next leader when one is killed, and in time when one stands still', async () => {
    const cluster = await newCluster();
    await cluster.start();
    const kv = cluster.client({ timeoutMs: WAIT_TIMEOUT_MS });
    await kv.set('k', 'v');
    const reads = Array.from({ length: 1_000 }, () => kv.get('k'));
    const first = cluster.leader ?? 0;
    await cluster.kill(first);
    expect(new Set(await Promise.all(reads))).to.deep.equal(new Set(['v']));
    await cluster.restart(first);
    await cluster.block(await cluster.waitForLeader(WAIT_TIMEOUT_MS), 1_000);
    expect(await kv.get('k')).to.equal('v');
    await cluster.close();
  });

  it('ends reads that are under way with an error when it is closed', async () => {
    const cluster = await newCluster({ servers: 1 });
    await cluster.start();
    const kv = cluster.client();
    await kv.set('k', 'v');
    const ending = codeOf(kv.get('k'));
    await kv.close();
    expect(await ending).to.equal('ERR_CLOSED');
    await cluster.close();
  });
});
