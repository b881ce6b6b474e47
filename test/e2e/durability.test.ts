/** Snapshots, compaction, and servers that come back after a long time, with real threads and disks. */

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { pino } from 'pino';
import type { MemberStatus } from '../../src/cluster/status.js';
import type { TextClient } from '../../tools/support/text-client.js';
import { eventually, TestCluster, temporaryDirectory } from '../support/cluster.js';

const SMALL_LOG = { snapshotLogBytes: 20_000 };
const VALUE = 'v'.repeat(100);

async function statusOf(cluster: TestCluster, id: number): Promise<MemberStatus> {
  const { servers } = await cluster.cluster.status();
  const found = servers[id];
  if (found === undefined) throw new RangeError(`there is no server ${id}`);
  return found;
}

/** Sets keys `k0` to `k<keys - 1>` in turn, `writes` times in all. */
/** By a client of the router, which repeats what a leader that is lost has not answered. */
async function write(client: TextClient, { writes, keys }: { writes: number; keys: number }): Promise<void> {
  for (let done = 0; done < writes; done += 100) {
    const batch = Array.from({ length: Math.min(100, writes - done) }, (_, i) => done + i);
    const replies = await Promise.all(batch.map((n) => client.set(`k${n % keys}`, `${n} ${VALUE}`)));
    for (const { type } of replies) expect(type).to.equal('OK');
  }
}

/** Waits until this server has applied all that the leader has. */
async function caughtUp(cluster: TestCluster, id: number): Promise<void> {
  const { commitIndex } = await statusOf(cluster, await cluster.leader());
  await eventually(
    `server ${id} has caught up`,
    async () => (await statusOf(cluster, id)).lastApplied >= commitIndex,
  );
}

/** Has this server lead, so that its own state answers. */
async function lead(cluster: TestCluster, id: number): Promise<TextClient> {
  if ((await cluster.leader()) !== id) await cluster.cluster.transferLeadership(id);
  await eventually(`server ${id} leads`, async () => cluster.cluster.leader === id);
  return cluster.client(id);
}

describe('a cluster that takes snapshots', () => {
  let cluster: TestCluster;
  let directory: { path: string; remove: () => Promise<void> };
  /** Servers that were sent a snapshot, in the order in which they had installed it. */
  let installed: number[];

  const logger = pino({
    hooks: {
      logMethod([facts, message]) {
        if (message !== 'snapshot of the leader installed' || typeof facts !== 'object' || facts === null)
          return;
        if ('server' in facts) installed.push(Number(facts.server));
      },
    },
  });

  beforeEach(async () => {
    installed = [];
    directory = await temporaryDirectory();
    cluster = await TestCluster.start({ ...SMALL_LOG, dataDir: directory.path }, { logger });
  });

  afterEach(async () => {
    await cluster.close();
    await directory.remove();
  });

  async function reopen(): Promise<void> {
    await cluster.close();
    cluster = await TestCluster.start({ ...SMALL_LOG, dataDir: directory.path });
  }

  it('drops the log before them, and finds everything again at the next start', async () => {
    const client = await cluster.routerClient();
    await write(client, { writes: 1_000, keys: 50 });
    await client.set('mortal', 'x', 1_000);
    await eventually('every server has taken one', async () => {
      const { servers } = await cluster.cluster.status();
      return servers.every(({ snapshotIndex }) => snapshotIndex > 0);
    });
    await reopen();
    for (const id of cluster.ids) {
      await caughtUp(cluster, id);
      const reader = await lead(cluster, id);
      expect(await reader.getm('k7')).to.deep.include({ version: 20, value: `957 ${VALUE}` });
      expect(await reader.getm('mortal'))
        .to.have.property('exptimeS')
        .that.is.within(900, 1_000);
    }
  });

  it('are due after many small writes, too, whose entries take more memory than is in them', async () => {
    const client = await cluster.routerClient();
    for (let count = 0; count < 80; count += 1) await client.set('k', 'v');
    await eventually('every server has taken one', async () => {
      const { servers } = await cluster.cluster.status();
      return servers.every(({ snapshotIndex }) => snapshotIndex > 0);
    });
  });

  it('keeps no more than two of them', async () => {
    await write(await cluster.routerClient(), { writes: 2_000, keys: 50 });
    for (const id of cluster.ids) {
      await eventually(`server ${id} has at most two`, async () => {
        const names = await readdir(join(directory.path, `server-${id}`, 'snapshots'));
        return names.length <= 2;
      });
    }
  });

  it('brings a server that was away for long up to date by one', async () => {
    const client = await cluster.routerClient();
    const [follower = 0] = await cluster.followers();
    await client.set('deleted', 'x');
    await caughtUp(cluster, follower);
    await cluster.cluster.kill(follower);
    await client.delete('deleted');
    await write(client, { writes: 2_000, keys: 50 });
    await cluster.cluster.restart(follower);
    await caughtUp(cluster, follower);
    await eventually('it was a snapshot that did so', () => installed.length > 0);
    expect(installed).to.deep.equal([follower]);
    const reader = await lead(cluster, follower);
    expect(await reader.getm('k7')).to.deep.include({ version: 40, value: `1957 ${VALUE}` });
    expect(await reader.get('deleted')).to.have.property('type', 'ERR_NOT_FOUND');
  });

  it('brings it up to date while clients go on writing', async () => {
    const client = await cluster.routerClient();
    const [follower = 0] = await cluster.followers();
    await cluster.cluster.kill(follower);
    await write(client, { writes: 2_000, keys: 500 });
    let isWriting = true;
    const writing = (async () => {
      while (isWriting) await write(client, { writes: 100, keys: 500 });
    })();
    await cluster.cluster.restart(follower);
    await caughtUp(cluster, follower);
    isWriting = false;
    await writing;
    await caughtUp(cluster, follower);
    const leaderReply = await client.getm('k123');
    const reader = await lead(cluster, follower);
    expect(await reader.getm('k123')).to.deep.equal(leaderReply);
  });

  it('brings a server that was away for a moment up to date by the log alone', async () => {
    const client = await cluster.routerClient();
    const [follower = 0] = await cluster.followers();
    await write(client, { writes: 1_000, keys: 50 });
    await caughtUp(cluster, follower);
    await cluster.cluster.kill(follower);
    await client.set('k', 'while it was away');
    await cluster.cluster.restart(follower);
    await caughtUp(cluster, follower);
    expect(installed).to.deep.equal([]);
  });
});
