/** Servers and programs that end: because they are told to, or because their disk does not take any more. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { STOP_TIMEOUT_MS } from '../../src/time-limits.js';
import { freePorts } from '../../tools/support/free-ports.js';
import { Program } from '../../tools/support/program.js';
import { replyOrEnd, TextClient } from '../../tools/support/text-client.js';
import { eventually, TestCluster, temporaryDirectory } from '../support/cluster.js';
import { settle, startWriters } from '../support/load.js';

const MAIN = fileURLToPath(new URL('../../src/main.cjs', import.meta.url));
const SMALL_LOG = { snapshotLogBytes: 20_000 };

describe('a server that is stopped', () => {
  let cluster: TestCluster;

  afterEach(() => cluster.close());

  it('hands leadership over before, so that no client notices', async () => {
    cluster = await TestCluster.start();
    const client = await cluster.routerClient();
    for (let round = 0; round < 3; round += 1) {
      const leader = await cluster.leader();
      let isStopped = false;
      const stopping = cluster.cluster.stop(leader).then(() => {
        isStopped = true;
      });
      while (!isStopped) expect(await client.set('k', 'v')).to.have.property('type', 'OK');
      await stopping;
      expect(await cluster.leader()).to.not.equal(leader);
      await cluster.cluster.restart(leader);
    }
  });

  it('closes its disk, and finds all of it again', async () => {
    cluster = await TestCluster.start({ servers: 1 });
    const client = await cluster.leaderClient();
    await client.set('k', 'v');
    await cluster.cluster.stop(0);
    await cluster.cluster.restart(0);
    expect(await (await cluster.leaderClient()).get('k')).to.deep.equal({ type: 'VALUE', value: 'v' });
  });
});

describe('a server whose disk fails', () => {
  let cluster: TestCluster;
  let directory: { path: string; remove: () => Promise<void> };

  beforeEach(async () => {
    directory = await temporaryDirectory();
    cluster = await TestCluster.start({ ...SMALL_LOG, dataDir: directory.path });
  });

  afterEach(async () => {
    await cluster.close();
    await directory.remove();
  });

  for (const role of ['leader', 'follower'] as const) {
    it(`stops and stays down while the others carry on, be it the ${role}`, async () => {
      const id = role === 'leader' ? await cluster.leader() : ((await cluster.followers())[0] ?? 0);
      const snapshots = join(directory.path, `server-${id}`, 'snapshots');
      await rm(snapshots, { recursive: true });
      await writeFile(snapshots, 'no directory any more');
      const writers = startWriters(cluster, 4);
      await eventually(`server ${id} has stopped`, async () => {
        const { servers } = await cluster.cluster.status();
        return servers[id]?.state === 'stopped';
      });
      const failed = (await cluster.cluster.status()).servers[id];
      expect(failed?.reason).to.match(/cannot be written .*snapshots/);
      expect(failed?.lastIndex, 'its last index').to.be.above(2);
      expect(failed?.commitIndex, 'its last commit').to.be.above(2);
      const before = writers.map(({ acknowledged }) => acknowledged.length);
      await eventually('the others carry on', () =>
        writers.every(({ acknowledged }, i) => acknowledged.length > (before[i] ?? 0) + 5),
      );
      expect(await settle(cluster, writers)).to.deep.equal([]);
      await rm(snapshots);
      await mkdir(snapshots);
      await cluster.cluster.restart(id);
    });
  }
});

describe('the program', () => {
  let directory: { path: string; remove: () => Promise<void> };

  beforeEach(async () => {
    directory = await temporaryDirectory();
  });

  afterEach(() => directory.remove());

  it('acknowledges nothing that a full disk did not keep', async function () {
    if (process.platform === 'win32') this.skip();
    const port = await freePorts();
    const args = ['-n', '3', '--port', `${port}`, '--router-port', `${port + 20}`, '--no-http'];
    // Room for the first segment of the log, not for another.
    const limited = ['-c', 'ulimit -f 4000 && exec "$@"', 'sh', process.execPath, MAIN, ...args];
    const child = spawn('sh', [...limited, '--data-dir', directory.path], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    await once(child.stdout, 'data');
    const client = await TextClient.connect(port + 20);
    let acknowledged = 0;
    for (let type: string | undefined = 'OK'; type === 'OK'; acknowledged += type === 'OK' ? 1 : 0)
      type = (await replyOrEnd(client.set(`k${acknowledged}`, 'v'.repeat(50_000))))?.type;
    expect(acknowledged).to.be.above(10);
    child.kill('SIGKILL');
    await once(child, 'close');
    const program = await Program.start({ storage: { dataDir: directory.path } });
    const reader = await TextClient.connect(program.routerPort);
    for (let i = 0; i < acknowledged; i += 1)
      expect(await reader.getm(`k${i}`)).to.deep.include({ version: 1, value: 'v'.repeat(50_000) });
    reader.close();
    await program.stop();
  });

  it('ends when it is told to, under load and in the midst of snapshots, before it would be made to, and loses nothing', async () => {
    const flags = ['--snapshot-log-bytes', '20000'];
    const program = await Program.start({ storage: { dataDir: directory.path }, flags });
    const clients = await Promise.all(
      Array.from({ length: 8 }, () => TextClient.connect(program.routerPort)),
    );
    const acknowledged = new Map<string, number>();
    const writing = clients.map(async (client, i) => {
      for (let n = 1; ; n += 1) {
        const reply = await replyOrEnd(client.set(`k${i}`, `${n}`));
        if (reply?.type === 'OK') acknowledged.set(`k${i}`, n);
        else if (reply === undefined) return;
      }
    });
    await eventually('all have written', () => acknowledged.size === clients.length);
    const startMs = performance.now();
    await program.stop();
    expect(performance.now() - startMs).to.be.below(STOP_TIMEOUT_MS);
    await Promise.all(writing);
    const again = await Program.start({ storage: { dataDir: directory.path } });
    const reader = await TextClient.connect(again.routerPort);
    for (const [key, n] of acknowledged) {
      const reply = await reader.get(key);
      expect(reply.type === 'VALUE' && Number(reply.value)).to.be.at.least(n);
    }
    reader.close();
    await again.stop();
  });
});
