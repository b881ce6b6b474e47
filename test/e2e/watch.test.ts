/** Watches over real sockets, threads and disks, at the servers' ports and at the router's. */

import { expect } from 'chai';
import { eventually, TestCluster, WAIT_TIMEOUT_MS } from '../support/cluster.js';
import { Lines } from '../support/lines.js';

describe('watches of a running cluster', () => {
  let cluster: TestCluster;
  let connections: Lines[] = [];

  function open(port: number): Lines {
    const lines = new Lines(port);
    connections.push(lines);
    return lines;
  }

  function routerPort(): number {
    return cluster.cluster.options.routerPort ?? 0;
  }

  beforeEach(async () => {
    cluster = await TestCluster.start();
  });

  afterEach(async () => {
    for (const connection of connections) connection.close();
    connections = [];
    await cluster.close();
  });

  function lastRevision(lines: readonly string[]): number {
    return Number(/^WATCHING (\d+)$/.exec(lines[0] ?? '')?.[1]);
  }

  it('tell each change at any server, in order, also after the first was counted', async () => {
    const client = await cluster.leaderClient();
    const watchers = cluster.ids.map((id) => open(cluster.cluster.serverAddress(id).port));
    for (const watcher of watchers) watcher.send('watch a\r\n');
    for (const watcher of watchers) await watcher.has(1);
    await client.set('ab', 'x');
    await client.set('other', 'y');
    await client.set('ab', 'two', 100);
    await client.delete('ab');
    for (const watcher of watchers) {
      const [first = '', ...lines] = await watcher.has(6);
      expect(first).to.equal('WATCHING 0');
      const revision = Number(lines[0]?.split(' ')[1]);
      expect(lines).to.deep.equal([
        `SET ${revision} ab 1 0 1`,
        'x',
        `SET ${revision + 2} ab 2 100 3`,
        'two',
        `DELETED ${revision + 3} ab`,
      ]);
      watcher.send(`get ab\r\nset ab 0 1\r\nx\r\nunwatch\r\nwatch ab ${revision + 3}\r\n`);
      await watcher.has(11);
      watcher.send('unwatch\r\nunwatch\r\n');
      const more = (await watcher.has(13)).slice(6);
      expect(more).to.deep.equal([
        'ERR_CMD_ERR',
        'ERR_CMD_ERR',
        'UNWATCHED',
        `WATCHING ${revision + 3}`,
        `DELETED ${revision + 3} ab`,
        'UNWATCHED',
        'UNWATCHED',
      ]);
    }
  });

  it('begin with the state, in the order of the keys, and go on with its changes', async () => {
    const client = await cluster.leaderClient();
    for (const key of ['k2', 'k1', 'x', 'k3']) await client.set(key, `v${key}`);
    await client.delete('k3');
    const watcher = open(routerPort());
    watcher.send('watch k 0\r\n');
    const lines = [...(await watcher.has(6))];
    const last = lastRevision(lines);
    expect(lines.slice(1)).to.deep.equal([
      `SET ${last - 3} k1 1 0 3`,
      'vk1',
      `SET ${last - 4} k2 1 0 3`,
      'vk2',
      `AT ${last}`,
    ]);
    await client.set('k9', '');
    expect((await watcher.has(8)).slice(6)).to.deep.equal([`SET ${last + 1} k9 1 0 0`, '']);
  });

  it('are refused what is not kept, and what is not there yet', async () => {
    const client = await cluster.leaderClient();
    await client.set('k', 'v');
    const watcher = open(routerPort());
    watcher.send('watch *\r\nunwatch\r\n');
    const last = lastRevision(await watcher.has(2));
    watcher.send(`watch * ${last + 2}\r\nget k\r\n`);
    const lines = await watcher.has(5);
    expect(lines[2]).to.match(/^ERR_COMPACTED \d+$/);
    watcher.send(`watch * ${last + 1}\r\n`);
    await watcher.has(6);
    await client.set('k', 'w');
    await watcher.has(8);
    expect(watcher.lines.at(-2)).to.equal(`SET ${last + 1} k 2 0 1`);
  });

  it('go on at the next leader, unseen by a client of the router, each change once', async () => {
    const watcher = open(routerPort());
    watcher.send('watch n\r\n');
    await watcher.has(1);
    const writer = open(routerPort());
    let sent = 0;
    for (let round = 0; round < 3; round += 1) {
      for (let i = 0; i < 20; i += 1) {
        writer.send(`set n${sent} 0 1\r\nx\r\n`);
        sent += 1;
      }
      const leader = await cluster.leader();
      await cluster.cluster.kill(leader);
      await cluster.cluster.waitForLeader(WAIT_TIMEOUT_MS);
      await cluster.cluster.restart(leader);
    }
    writer.send('set nend 0 1\r\nx\r\n');
    await eventually('the last change', () => watcher.lines.some((line) => line.includes(' nend ')));
    const told = watcher.lines.filter((line) => line.startsWith('SET '));
    const revisions = told.map((line) => Number(line.split(' ')[1]));
    for (const [i, revision] of revisions.entries()) expect(revision).to.equal((revisions[0] ?? 0) + i);
    expect(watcher.lines.some((line) => line.startsWith('ERR'))).to.equal(false);
  });

  it('of a quiet prefix go on at the next leader, although what was not for them is no more kept', async () => {
    await cluster.close();
    cluster = await TestCluster.start({ watchHistory: 2_000, electionTimeoutMs: 2_000 });
    const [quiet, writer] = [open(routerPort()), open(routerPort())];
    quiet.send('watch quiet\r\n');
    await quiet.has(1);
    // In portions: who is told of changes falls behind where more come at once than are kept.
    for (let portion = 1; portion <= 15; portion += 1) {
      writer.send(`${'set other 0 1 noreply\r\nx\r\n'.repeat(400)}get other\r\n`);
      await writer.has(2 * portion);
    }
    const leader = await cluster.leader();
    await eventually(
      'it is told how far it has been told',
      () => quiet.lines.at(-1)?.startsWith('AT ') === true,
    );
    await cluster.cluster.kill(leader);
    writer.send('set quiet 0 1\r\nx\r\n');
    await eventually('its change', () => quiet.lines.at(-2)?.startsWith('SET ') === true);
    expect(quiet.lines.some((line) => line.startsWith('ERR'))).to.equal(false);
  });
});
