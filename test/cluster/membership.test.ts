import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { Cluster } from '../../src/cluster/cluster.js';
import { MembersError } from '../../src/cluster/cluster-errors.js';
import { freePorts } from '../../tools/support/free-ports.js';
import { eventually, TestCluster, temporaryDirectory, WAIT_TIMEOUT_MS } from '../support/cluster.js';
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

  it('outlives the process when all directories that it is given were left for others', async () => {
    const directory = await temporaryDirectory();
    const named = [0, 1, 2].map((id) => join(directory.path, `d${id}`));
    const options = {
      dataDir: named,
      servers: 3,
      port: await freePorts(),
      routerPort: null,
      electionTimeoutMs: 300,
    };
    try {
      const first = new Cluster(options);
      await first.start();
      for (const id of [0, 1, 2]) await first.replaceServer(id, { dataDir: join(directory.path, `e${id}`) });
      await first.replaceServer(0, { dataDir: join(directory.path, 'f0') });
      await first.addServer({ dataDir: join(directory.path, 'e3') });
      await first.removeServer(1);
      await first.close();

      const again = new Cluster(options);
      await again.start();
      expect((await again.members()).voters).to.deep.equal([0, 2, 3]);
      await again.close();
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

  it('replaces the leader while it runs, and the router answers', async () => {
    const test = await TestCluster.start({ electionTimeoutMs: 300 });
    const { cluster } = test;
    try {
      const client = await test.routerClient();
      await client.set('k', 'v');
      const replies: string[] = [];
      let isOver = false;
      const load = (async () => {
        for (let count = 0; !isOver; count += 1) replies.push((await client.set('l', `${count}`)).type);
      })();
      const leader = await test.leader();
      const added = await cluster.replaceServer(leader);
      expect(added).to.deep.equal([{ id: leader, ...cluster.serverAddress(leader) }]);
      isOver = true;
      await load;
      expect(new Set(replies)).to.deep.equal(new Set(['OK']));
      expect(await cluster.members()).to.deep.equal({ voters: [0, 1, 2], learners: [], change: null });
      // The new one has everything.
      await cluster.transferLeadership(leader);
      const direct = await test.client(leader);
      expect(await direct.get('k')).to.deep.equal({ type: 'VALUE', value: 'v' });
    } finally {
      await test.close();
    }
  });

  it('replaces a server whose files are gone, which the others outvote', async () => {
    const directory = await temporaryDirectory();
    const test = await TestCluster.start({ dataDir: directory.path, electionTimeoutMs: 300 });
    const { cluster } = test;
    try {
      const client = await test.routerClient();
      await client.set('k', 'v');
      await cluster.kill(1);
      await rm(join(directory.path, 'server-1'), { recursive: true });
      expect(await rejection(cluster.restart(1))).to.have.property('code', 'SERVER_START_FAILED');
      expect(cluster.withoutDisk).to.deep.equal([1]);
      await cluster.replaceServer(1);
      expect(cluster.withoutDisk).to.deep.equal([]);
      expect(cluster.ids).to.deep.equal([0, 1, 2]);
      await cluster.kill(cluster.leader === 0 ? 2 : 0);
      // The new one is needed for a majority.
      expect(await client.set('k', 'w')).to.have.property('type', 'OK');
    } finally {
      await test.close();
      await directory.remove();
    }
  });

  it('gives a replacement up that does not catch up, and starts the old server again', async () => {
    const test = await TestCluster.start({ electionTimeoutMs: 300 }, { catchUpTimeoutMs: 500 });
    const { cluster } = test;
    try {
      await cluster.transferLeadership(0);
      await cluster.partition([[0, 2], [1]]);
      const replaced = rejection(cluster.replaceServer(1));
      await eventually(
        'a learner is there',
        async () => (await cluster.status()).servers[1]?.role === 'learner',
      );
      const { change } = await cluster.members();
      expect(change).to.deep.include({ adding: [1], removing: [1] });
      const error = await replaced;
      expect(error).to.have.property('code', 'MEMBERS_GIVEN_UP');
      expect(String(error)).to.match(/server 1 has not caught up within 0.5 s/);
      expect(await cluster.members()).to.deep.equal({ voters: [0, 1, 2], learners: [], change: null });
      await cluster.heal();
      await eventually('server 1 is up and follows', async () => {
        const { servers } = await cluster.status();
        return servers[1]?.state === 'running' && servers[1].lastApplied === servers[0]?.lastApplied;
      });
      await cluster.replaceServer(1);
      expect((await cluster.members()).voters).to.deep.equal([0, 1, 2]);
    } finally {
      await test.close();
    }
  });

  it('starts the old server again while it is replaced when no majority runs without it', async () => {
    const test = await TestCluster.start({ electionTimeoutMs: 300 });
    const { cluster } = test;
    try {
      await cluster.transferLeadership(0);
      await cluster.partition([[0, 2], [1]]);
      const replaced = cluster.replaceServer(1).then(
        () => 'DONE',
        (error: unknown) => (error instanceof MembersError ? error.code : String(error)),
      );
      await eventually(
        'a learner is there',
        async () => (await cluster.status()).servers[1]?.role === 'learner',
      );
      await cluster.kill(2);
      await eventually('no server leads', () => cluster.leader === undefined);
      await cluster.heal();
      expect(await replaced).to.be.oneOf(['DONE', 'MEMBERS_GIVEN_UP']);
      expect((await cluster.members()).voters).to.deep.equal([0, 1, 2]);
      await cluster.restart(2);
    } finally {
      await test.close();
    }
  });

  it('takes a change back whose new servers die before they have it, and says so', async () => {
    const test = await TestCluster.start({ servers: 1, electionTimeoutMs: 300 });
    const { cluster } = test;
    try {
      const change = rejection(cluster.changeMembers([0, 1, 2]));
      await eventually('they learn', async () => (await cluster.members()).learners.length === 2);
      for (const id of [1, 2]) await cluster.setLink({ from: id, to: 0, delayMs: [100, 100] });
      await eventually('both configurations decide', async () => {
        const { learners, change } = await cluster.members();
        return learners.length === 0 && change !== null;
      });
      await Promise.all([cluster.kill(1), cluster.kill(2)]);
      const error = await change;
      expect(error).to.have.property('code', 'MEMBERS_GIVEN_UP');
      expect(String(error)).to.match(/no majority of the new members/);
      expect(cluster.ids).to.deep.equal([0]);
      const client = await test.routerClient();
      expect(await client.set('k', 'v')).to.have.property('type', 'OK');
    } finally {
      await test.close();
    }
  });

  it('refuses to replace a server without which no majority runs', async () => {
    const test = await TestCluster.start({ electionTimeoutMs: 300 });
    const { cluster } = test;
    try {
      await cluster.kill(2);
      const error = await rejection(cluster.replaceServer(1));
      expect(error).to.have.property('code', 'WRONG_STATE');
      expect(String(error)).to.match(/while fewer than 2 others run: restart those/);
      expect(await rejection(cluster.replaceServer(7))).to.have.property('code', 'UNKNOWN_SERVER');
      await cluster.replaceServer(2);
      expect(cluster.isUp(2)).to.equal(true);
    } finally {
      await test.close();
    }
  });

  it('refuses members of whom no majority runs, and changes nothing', async () => {
    const test = await TestCluster.start({ electionTimeoutMs: 300 });
    const { cluster } = test;
    try {
      await cluster.kill(2);
      for (const voters of [[1, 2], [2], [2, 3]]) {
        const error = await rejection(cluster.changeMembers(voters));
        expect(error).to.have.property('code', 'WRONG_STATE');
        expect(String(error)).to.match(/no majority would run, for 2 is down: restart or replace it first/);
      }
      expect(cluster.ids).to.deep.equal([0, 1, 2]);
      expect((await cluster.members()).change).to.equal(null);
      await cluster.removeServer(2);
      expect(cluster.ids).to.deep.equal([0, 1]);
    } finally {
      await test.close();
    }
  });

  it('tells without a leader who the members are and whom a change waits for, and refuses another', async () => {
    const electionTimeoutMs = 1_500;
    const test = await TestCluster.start({ servers: 1, electionTimeoutMs });
    const { cluster } = test;
    try {
      const change = cluster.changeMembers([1, 2]).catch(() => undefined);
      await eventually('they learn', async () => (await cluster.members()).learners.length === 2);
      // Less than the time after which the change is taken back, and enough to end the leader before it is committed.
      const delayMs = electionTimeoutMs / 2;
      for (const id of [1, 2]) await cluster.setLink({ from: id, to: 0, delayMs: [delayMs, delayMs] });
      await eventually('both configurations decide', async () => {
        const { learners, change: current } = await cluster.members();
        return learners.length === 0 && current !== null;
      });
      await cluster.kill(0);
      await eventually('it waits for the old server', async () => {
        const { change: current } = await cluster.members();
        return current?.waitsFor.length === 1 && current.waitsFor[0] === 0;
      });
      const { voters, change: current } = await cluster.members();
      expect(voters).to.deep.equal([0]);
      expect(current).to.deep.include({ adding: [1, 2], removing: [0] });
      expect(await rejection(cluster.changeMembers([0, 3]))).to.have.property('code', 'WRONG_STATE');
      await cluster.heal();
      await cluster.restart(0);
      await change;
      await eventually('it is over', async () => (await cluster.members()).change === null);
      for (const id of cluster.ids) if (cluster.isUp(id)) await cluster.kill(id);
      expect(await rejection(cluster.addServer())).to.have.property('code', 'TIMEOUT');
    } finally {
      await test.close();
    }
  });
});
