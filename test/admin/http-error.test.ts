import { expect } from 'chai';
import { HttpError } from '../../src/admin/http-error.js';
import { TestCluster } from '../support/cluster.js';

describe('An error of the cluster, told by the admin API', () => {
  it('is 409 when the server that was asked to hand over had stepped down meanwhile', async () => {
    const cluster = await TestCluster.start({ electionTimeoutMs: 100, heartbeatMs: 20 });
    try {
      const [leader, [successor = 0]] = [await cluster.leader(), await cluster.followers()];
      cluster.cluster.partition([[leader]]);
      // Nothing is heard of the servers while this thread stands still: that the leader steps down is news to it then.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
      const error = await cluster.cluster.transferLeadership(successor).catch((reason: unknown) => reason);
      expect(HttpError.of(error), String(error)).to.include({ status: 409 });
    } finally {
      await cluster.close();
    }
  });

  it('is 500 when nobody foresaw it', () => {
    expect(HttpError.of(new Error('the sky fell'))).to.include({ status: 500, message: 'the sky fell' });
    expect(HttpError.of('the sky fell')).to.include({ status: 500, message: 'the sky fell' });
  });
});
