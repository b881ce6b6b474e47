/** WATCH on a server's own port, while leadership goes elsewhere and comes back: applying must not look at who leads. */

import { expect } from 'chai';
import type { RedisClient } from '../../tools/support/redis-client.js';
import { TestCluster } from '../support/cluster.js';
import { useRedisClients } from '../support/redis-clients.js';

const OK = { simple: 'OK' };
const QUEUED = { simple: 'QUEUED' };

describe('WATCH at a server that loses the lead and gets it back', () => {
  let cluster: TestCluster;
  const connect = useRedisClients();

  beforeEach(async () => {
    cluster = await TestCluster.start();
  });
  afterEach(() => cluster.close());

  /** Watches key `w`, has another server lead and do that, and then tries to write `w` where it was watched. */
  async function outcome(elsewhere: (leader: RedisClient) => Promise<unknown>): Promise<unknown> {
    const first = await cluster.leader();
    const client = await connect(cluster.cluster.serverAddress(first).port);
    expect(await client.pipeline(['SET', 'w', '1'], ['WATCH', 'w'])).to.deep.equal([OK, OK]);
    const second = (first + 1) % 3;
    await cluster.cluster.transferLeadership(second);
    await elsewhere(await connect(cluster.cluster.serverAddress(second).port));
    await cluster.cluster.transferLeadership(first);
    const replies = await client.pipeline(['MULTI'], ['SET', 'w', 'mine'], ['EXEC']);
    expect(replies.slice(0, 2)).to.deep.equal([OK, QUEUED]);
    return replies[2];
  }

  it('is told that the key was written meanwhile', async () => {
    expect(await outcome((leader) => leader.call('SET', 'w', '2'))).to.equal(null);
  });

  it('is told that it was made anew, with the same value and version', async () => {
    expect(await outcome((leader) => leader.pipeline(['DEL', 'w'], ['SET', 'w', '1']))).to.equal(null);
  });

  it('writes if nobody else has', async () => {
    expect(await outcome((leader) => leader.call('SET', 'other', '2'))).to.deep.equal([OK]);
  });
});
