import { fileURLToPath } from 'node:url';
import { BroadcastChannel } from 'node:worker_threads';
import { expect } from 'chai';
import { eventually } from '../support/cluster.js';
import { newCluster } from '../support/new-cluster.js';
import { LOAD_CHANNEL, LOADED, LOADING } from './fixtures/load-channel.js';

const SLOW_MODULE = fileURLToPath(new URL('fixtures/slow-module.js', import.meta.url));

describe('a server that still loads its modules', () => {
  // Node 20 aborts the whole process when a thread is terminated in the middle of that.
  it('is terminated once it has', async () => {
    const posted: unknown[] = [];
    const channel = new BroadcastChannel(LOAD_CHANNEL);
    channel.onmessage = ({ data }) => posted.push(data);
    const cluster = await newCluster({}, { serverModule: SLOW_MODULE });
    try {
      const starting = cluster.start().catch(() => {});
      await eventually('all threads load', () => posted.filter((state) => state === LOADING).length === 3);
      await cluster.kill(0);
      expect(posted).to.include(LOADED);
      await cluster.close();
      expect(posted.filter((state) => state === LOADED)).to.have.lengthOf(3);
      await starting;
    } finally {
      await cluster.close();
      channel.close();
    }
  });
});
