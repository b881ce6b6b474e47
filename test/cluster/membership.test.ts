import { expect } from 'chai';
import { Cluster } from '../../src/cluster/cluster.js';
import { freePorts } from '../../tools/support/free-ports.js';
import { TestCluster, temporaryDirectory, WAIT_TIMEOUT_MS } from '../support/cluster.js';
import { rejection } from '../support/storage.js';

describe('changing the members', function () {
  this.timeout(2 * WAIT_TIMEOUT_MS);

  it('goes from one server to three and back, the leader among the removed, while the router answers', async () => {
    const test = await TestCluster.start({ servers: 1, electionTimeoutMs: 300 });
    const { cluster } = test;
    try {
      const clients = await Promise.all([0, 1, 2, 3].map(() => test.routerClient()));
      const replies: string[] = [];
      let isOver = false;
      const load = clients.map(async (client, who) => {
        for (let count = 0; !isOver; count += 1) replies.push((await client.set(`k${who}`, `${count}`)).type);
      });
      expect(await cluster.changeMembers([0, 1, 2])).to.deep.equal(
        [1, 2].map((id) => ({ id, ...cluster.serverAddress(id) })),
      );
      expect(await cluster.members()).to.deep.equal({ voters: [0, 1, 2], learners: [], change: null });
      const leader = await cluster.waitForLeader(WAIT_TIMEOUT_MS);
      const stays = leader === 1 ? 2 : 1;
      await cluster.changeMembers([stays]);
      expect(cluster.ids).to.deep.equal([stays]);
      expect(cluster.leader).to.equal(stays);
      // The slot of a removed server is used again, by another one.
      expect(await cluster.addServer()).to.have.length(1);
      await cluster.removeServer(stays);
      expect(cluster.ids).to.deep.equal([0]);
      isOver = true;
      await Promise.all(load);
      expect(replies.filter((type) => type !== 'OK')).to.deep.equal([]);
      expect(replies.length).to.be.above(100);
    } finally {
      await test.close();
    }
  });

  it('outlives the process: the directory knows its members', async () => {
    const directory = await temporaryDirectory();
    const port = await freePorts();
    const options = { dataDir: directory.path, port, routerPort: null, electionTimeoutMs: 300 };
    try {
      const first = new Cluster({ ...options, servers: 3 });
      await first.start();
      await first.addServer();
      await first.removeServer(1);
      await first.close();

      const again = new Cluster(options);
      await again.start();
      expect((await again.members()).voters).to.deep.equal([0, 2, 3]);
      await again.addServer();
      expect(again.ids).to.deep.equal([0, 1, 2, 3]);
      await again.close();

      const contradicted = new Cluster({ ...options, servers: 3 });
      expect(String(await rejection(contradicted.start()))).to.match(
        /is of a cluster of 4 servers: start without -n, .*members/,
      );
    } finally {
      await directory.remove();
    }
  });

  it('refuses what makes no sense, and serves on', async () => {
    const test = await TestCluster.start({ servers: 1 });
    const { cluster } = test;
    try {
      for (const voters of [[], [0, 0], [9], [-1]])
        expect(await rejection(cluster.changeMembers(voters))).to.have.property('code', 'WRONG_STATE');
      expect(await rejection(cluster.removeServer(0))).to.have.property('code', 'WRONG_STATE');
      expect(await rejection(cluster.removeServer(5))).to.have.property('code', 'UNKNOWN_SERVER');
      expect((await cluster.members()).voters).to.deep.equal([0]);
    } finally {
      await test.close();
    }
  });
});
