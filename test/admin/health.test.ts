import { expect } from 'chai';
import { MAX_ADMIN_CALLS } from '../../src/admin/admin-limits.js';
import { healthOf } from '../../src/admin/health.js';
import { TestAdmin } from './support.js';

describe('the health check', () => {
  const cluster: Parameters<typeof healthOf>[0] = {
    leader: 1,
    engine: { name: 'raft', isServing: true },
    ids: [0, 1, 2],
    troubleOf: (id: number) => (id === 2 ? '/secret/directory is lost' : undefined),
  };

  it('tells why servers complain to those who may ask for everything, and only which to others', () => {
    const troubles = [{ server: 2, reason: '/secret/directory is lost' }];
    expect(healthOf(cluster, { showsReasons: true })).to.deep.equal({ leader: 1, troubles });
    expect(healthOf(cluster, { showsReasons: false })).to.deep.equal({
      leader: 1,
      troubles: [{ server: 2 }],
    });
  });

  it('is answered while calls that wait for long have all places, and so is whoever looks', async () => {
    const admin = await TestAdmin.start();
    try {
      const [follower] = await admin.cluster.followers();
      let paused = 0;
      const pauses = Array.from({ length: MAX_ADMIN_CALLS }, async () => {
        await admin.post(`/api/servers/${follower}/pause`, { durationMs: 1_500 });
        paused += 1;
      });
      // The first answers may come before the calls have their places; then none would come until one of them is over.
      let answers = 0;
      for (; paused === 0 && answers < 10; answers += 1)
        for (const path of ['/healthz', '/api/login'])
          expect(await admin.get(path), path).to.have.property('status', 200);
      expect({ answers, paused }).to.deep.equal({ answers: 10, paused: 0 });
      await Promise.all(pauses);
    } finally {
      await admin.close();
    }
  });
});
