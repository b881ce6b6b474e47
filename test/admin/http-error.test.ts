import { expect } from 'chai';
import { HttpError } from '../../src/admin/http-error.js';
import { FAKE_SERVER, newCluster } from '../support/new-cluster.js';

describe('An error of the cluster, told by the admin API', () => {
  it('is 409 when the server that was asked to hand over refuses, as one does that stepped down meanwhile', async () => {
    const cluster = await newCluster({}, { serverModule: FAKE_SERVER });
    try {
      await cluster.start();
      const error = await cluster.transferLeadership(2).catch((reason: unknown) => reason);
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
