/** What clients see while servers die, come back, stall and lose sight of each other. */

import { expect } from 'chai';
import { replyOrEnd, type TextClient } from '../../tools/support/text-client.js';
import { eventually, TEST_ELECTION_TIMEOUT_MS, TestCluster, temporaryDirectory } from '../support/cluster.js';
import { settle, startWriters, type Writer } from '../support/load.js';

describe('a cluster with failing servers', () => {
  let cluster: TestCluster;

  afterEach(() => cluster.close());

  it('keeps every acknowledged write while its leaders are terminated under load', async () => {
    cluster = await TestCluster.start();
    const writers = startWriters(cluster, 6);
    for (let round = 0; round < 5; round += 1) {
      const leader = await cluster.leader();
      await progress(writers);
      await cluster.cluster.kill(leader);
      await progress(writers);
      await cluster.cluster.restart(leader);
    }
    expect(await settle(cluster, writers)).to.deep.equal([]);
  });

  it('does not mind the death of a follower', async () => {
    cluster = await TestCluster.start();
    const writers = startWriters(cluster, 4);
    const leader = await cluster.leader();
    for (const follower of await cluster.followers()) {
      await progress(writers);
      await cluster.cluster.kill(follower);
      await progress(writers);
      await cluster.cluster.restart(follower);
    }
    expect(await cluster.leader()).to.equal(leader);
    expect(await settle(cluster, writers)).to.deep.equal([]);
    await allCaughtUp(cluster);
  });

  it('acknowledges nothing without a majority, and goes on when there is one again', async () => {
    cluster = await TestCluster.start();
    const client = await cluster.leaderClient();
    await client.set('k', 'before');
    const followers = await cluster.followers();
    for (const id of followers) await cluster.cluster.kill(id);
    const refused = await client.set('k', 'during');
    expect(refused.type).to.equal('ERR_INTERNAL');
    expect((await client.get('k')).type).to.equal('ERR_INTERNAL');
    for (const id of followers) await cluster.cluster.restart(id);
    const reader = await cluster.leaderClient();
    const reply = await reader.getm('k');
    expect(reply.type === 'META' && reply.version).to.be.oneOf([1, 2]);
    expect(await reader.set('k', 'after')).to.have.property('type', 'OK');
  });

  it('lets commands on the router’s port wait for the next leader', async () => {
    cluster = await TestCluster.start();
    const client = await cluster.routerClient();
    await client.set('k', '1');
    const leader = await cluster.leader();
    const killed = cluster.cluster.kill(leader);
    expect(await client.get('k')).to.deep.equal({ type: 'VALUE', value: '1' });
    await killed;
    expect(await client.set('k', '2')).to.deep.equal({ type: 'OK', version: 2 });
    expect(client.isClosed).to.equal(false);
  });

  it('closes a dead server’s connections and refuses new ones until it is back', async () => {
    cluster = await TestCluster.start();
    const [follower = 0] = await cluster.followers();
    const client = await cluster.client(follower);
    await cluster.cluster.kill(follower);
    await client.closed;
    const refused = await cluster.client(follower).catch((error: unknown) => error);
    expect(refused).to.have.property('code', 'ECONNREFUSED');
    await cluster.cluster.restart(follower);
    expect((await (await cluster.client(follower)).get('k')).type).to.equal('ERR_REDIRECT');
  });

  it('lets an isolated leader neither answer a stale read nor acknowledge a write', async () => {
    cluster = await TestCluster.start();
    const old = await cluster.leader();
    const oldClient = await cluster.client(old);
    await oldClient.set('k', 'old');
    await cluster.cluster.partition([[old]]);
    const others = cluster.ids.filter((id) => id !== old);
    await eventually('the others elect a leader', async () => others.includes(await cluster.leader()));
    const newClient = await cluster.leaderClient();
    expect(await newClient.set('k', 'new')).to.deep.equal({ type: 'OK', version: 2 });
    const answers = await Promise.all([
      replyOrEnd(oldClient.get('k')),
      replyOrEnd(oldClient.set('k', 'lost')),
    ]);
    for (const answer of answers) expect(answer?.type).to.be.oneOf(['ERR_INTERNAL', 'ERR_REDIRECT']);
    await cluster.cluster.heal();
    await allCaughtUp(cluster);
    expect(await (await cluster.leaderClient()).get('k')).to.deep.equal({ type: 'VALUE', value: 'new' });
    expect((await oldClient.get('k')).type).to.equal('ERR_REDIRECT');
  });

  it('answers ERR_INTERNAL on a server’s port when no leader is known for two seconds', async () => {
    cluster = await TestCluster.start();
    const [survivor = 0, ...rest] = await cluster.followers();
    // The leader last: the survivor, then alone, does not win an election in between.
    for (const id of [...rest, await cluster.leader()]) await cluster.cluster.kill(id);
    const client = await cluster.client(survivor);
    const sinceMs = performance.now();
    expect((await client.set('k', 'v')).type).to.equal('ERR_INTERNAL');
    expect(performance.now() - sinceMs).to.be.at.least(1_500);
  });

  it('keeps its leader while a server stalls for half an election timeout, be it the leader', async () => {
    cluster = await TestCluster.start();
    const { leader, servers } = await cluster.cluster.status();
    for (const { id } of servers) await cluster.cluster.block(id, TEST_ELECTION_TIMEOUT_MS / 2);
    const client = await cluster.leaderClient();
    expect((await client.set('k', 'v')).type).to.equal('OK');
    const after = await cluster.cluster.status();
    expect(after.leader).to.equal(leader);
    expect(after.servers.map(({ term }) => term)).to.deep.equal(servers.map(({ term }) => term));
  });

  it('replaces a leader that is blocked, and hears nothing stale of it afterwards', async () => {
    cluster = await TestCluster.start();
    // A machine that is busy may need longer to replace it: then it is blocked for longer.
    let blockMs = 3 * TEST_ELECTION_TIMEOUT_MS;
    while (!(await isReplacedWhileBlocked(blockMs))) blockMs *= 2;
  });

  /** Whether another server took a write before the leader, blocked for this long, woke. */
  async function isReplacedWhileBlocked(blockMs: number): Promise<boolean> {
    const old = await cluster.leader();
    const oldClient = await cluster.client(old);
    await oldClient.set('k', 'old');
    let isBlocked = true;
    const blocked = cluster.cluster.block(old, blockMs).then(() => {
      isBlocked = false;
    });
    const others = cluster.ids.filter((id) => id !== old);
    let newClient: TextClient | undefined;
    while (newClient === undefined && isBlocked) {
      for (const id of others) {
        const client = await cluster.client(id);
        if ((await client.set('k', 'new')).type === 'OK') newClient = client;
      }
    }
    // They wait in the blocked server's ports until it wakes.
    const answers = Promise.all([replyOrEnd(oldClient.get('k')), replyOrEnd(oldClient.set('k', 'lost'))]);
    if (newClient === undefined || !isBlocked) {
      await answers;
      return false;
    }
    await blocked;
    for (const answer of await answers) expect(answer?.type).to.be.oneOf(['ERR_INTERNAL', 'ERR_REDIRECT']);
    expect(await newClient.get('k')).to.deep.equal({ type: 'VALUE', value: 'new' });
    return true;
  }

  it('is not disturbed by a server that was cut off: its term did not grow', async () => {
    cluster = await TestCluster.start();
    const [lonely = 0] = await cluster.followers();
    await allCaughtUp(cluster);
    const before = await cluster.cluster.status();
    await cluster.cluster.partition([[lonely]]);
    await eventually('it campaigns in vain', async () => {
      const { servers } = await cluster.cluster.status();
      return servers[lonely]?.role === 'precandidate';
    });
    const client = await cluster.leaderClient();
    for (let i = 0; i < 200; i += 1) await client.set('k', `${i}`);
    await cluster.cluster.heal();
    await allCaughtUp(cluster);
    const after = await cluster.cluster.status();
    expect(after.leader).to.equal(before.leader);
    expect(after.servers.map(({ term }) => term)).to.deep.equal(before.servers.map(({ term }) => term));
  });

  it('keeps its promises on links that lose and delay', async () => {
    cluster = await TestCluster.start();
    for (const from of cluster.ids) {
      for (const to of cluster.ids) {
        if (from !== to) await cluster.cluster.setLink({ from, to, dropRate: 0.1, delayMs: [0, 10] });
      }
    }
    const writers = startWriters(cluster, 4);
    await progress(writers, 20);
    await cluster.cluster.heal();
    expect(await settle(cluster, writers)).to.deep.equal([]);
    await allCaughtUp(cluster);
  });

  it('hands leadership over when asked to, under load', async () => {
    cluster = await TestCluster.start();
    const writers = startWriters(cluster, 4);
    for (const id of cluster.ids) {
      await progress(writers);
      await cluster.cluster.transferLeadership(id);
      expect(await cluster.leader()).to.equal(id);
    }
    await progress(writers);
    expect(await settle(cluster, writers)).to.deep.equal([]);
  });

  for (const servers of [1, 2, 5]) {
    it(`works with ${servers} server${servers > 1 ? 's' : ''}, and goes on after the leader came back`, async () => {
      cluster = await TestCluster.start({ servers });
      const writers = startWriters(cluster, 4);
      await progress(writers);
      const leader = await cluster.leader();
      await cluster.cluster.kill(leader);
      await cluster.cluster.restart(leader);
      await progress(writers);
      expect(await settle(cluster, writers)).to.deep.equal([]);
      await allCaughtUp(cluster);
    });
  }

  it('finds everything again when the whole cluster is started anew, deadlines included', async () => {
    const directory = await temporaryDirectory();
    try {
      cluster = await TestCluster.start({ dataDir: directory.path });
      const client = await cluster.leaderClient();
      for (let i = 0; i < 50; i += 1) await client.set(`k${i}`, `${i}`);
      await client.set('k0', 'again', 100);
      await client.set('brief', 'v', 1);
      const { port, routerPort } = cluster.cluster.options;
      await cluster.close();
      cluster = await TestCluster.start({ dataDir: directory.path, port, routerPort });
      const reader = await cluster.leaderClient();
      const reply = await reader.getm('k0');
      expect(reply).to.include({ type: 'META', version: 2, value: 'again' });
      expect(reply.type === 'META' && reply.exptimeS).to.be.within(90, 100);
      for (let i = 1; i < 50; i += 1)
        expect(await reader.get(`k${i}`)).to.deep.equal({ type: 'VALUE', value: `${i}` });
      await eventually(
        'the brief key expires',
        async () => (await reader.get('brief')).type === 'ERR_NOT_FOUND',
      );
    } finally {
      await cluster.close();
      await directory.remove();
    }
  });
});

/** Waits until each writer has `count` more acknowledged writes. */
async function progress(writers: readonly Writer[], count = 30): Promise<void> {
  const goals = writers.map(({ acknowledged }) => acknowledged.length + count);
  await eventually('every writer gets on', () =>
    writers.every(({ acknowledged }, i) => acknowledged.length >= (goals[i] ?? 0)),
  );
}

/** Waits until all servers have applied the same, and everything. */
async function allCaughtUp(cluster: TestCluster): Promise<void> {
  await eventually('all servers apply the same', async () => {
    const { servers } = await cluster.cluster.status();
    const [first] = servers;
    return servers.every(
      ({ lastApplied, lastIndex }) => lastApplied === first?.lastApplied && lastIndex === lastApplied,
    );
  });
}
