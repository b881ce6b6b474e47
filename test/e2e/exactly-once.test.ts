/** Commands that are executed once, whatever becomes of leaders, processes and clusters. */

import { join } from 'node:path';
import { expect } from 'chai';
import { NODE_ENVIRONMENT } from '../../src/environment.js';
import { restoreBackup, writeBackup } from '../../src/storage/backup.js';
import { NODE_FILES } from '../../src/storage/node-files.js';
import { TestCluster, temporaryDirectory } from '../support/cluster.js';

const ADD_ONE = (version: number) => `cas n 0 ${version} 1\r\nx\r\n`;

describe('a session', () => {
  let directory: { path: string; remove: () => Promise<void> };
  let cluster: TestCluster | undefined;

  beforeEach(async () => {
    directory = await temporaryDirectory();
  });

  afterEach(async () => {
    await cluster?.close();
    cluster = undefined;
    await directory.remove();
  });

  it('repeats results after its leader was killed, after a restart of all, and in a restored cluster', async () => {
    const dataDir = join(directory.path, 'data');
    cluster = await TestCluster.start({ dataDir, snapshotLogBytes: 20_000 });
    const writer = await cluster.leaderClient();
    const session = await writer.openSession();
    await writer.set('n', 'x');
    const first = await writer.once(session, { seq: 1, done: 0 }, ADD_ONE(1));
    expect(first).to.deep.equal({ type: 'OK', version: 2 });
    await cluster.cluster.kill(await cluster.leader());
    const other = await cluster.leaderClient();
    expect(await other.once(session, { seq: 1, done: 0 }, ADD_ONE(1)), 'at the next leader').to.deep.equal(
      first,
    );
    // A snapshot takes the place of the log.
    for (let n = 0; n < 300; n += 1) await other.set('other', 'x'.repeat(200));
    await cluster.close();

    cluster = await TestCluster.start({ dataDir, snapshotLogBytes: 20_000 });
    const later = await cluster.leaderClient();
    expect(await later.once(session, { seq: 1, done: 0 }, ADD_ONE(1)), 'restarted').to.deep.equal(first);
    const backup = join(directory.path, 'backup');
    await writeBackup(backup, await cluster.cluster.backup(), { files: NODE_FILES });
    const opened = await later.openSession();
    await cluster.close();

    const restored = join(directory.path, 'restored');
    await restoreBackup(backup, [restored], { files: NODE_FILES, environment: NODE_ENVIRONMENT, servers: 3 });
    cluster = await TestCluster.start({ dataDir: restored });
    const last = await cluster.leaderClient();
    expect(await last.once(session, { seq: 1, done: 0 }, ADD_ONE(1)), 'restored').to.deep.equal(first);
    expect(await last.openSession()).not.to.equal(opened);
    expect(await last.getm('n')).to.include({ version: 2 });
  });

  it('is sent on to the leader, as any write is', async () => {
    cluster = await TestCluster.start();
    const [follower = 0] = await cluster.followers();
    const client = await cluster.client(follower);
    expect(await client.replies('session open\r\n', 1)).to.have.nested.property('[0].type', 'ERR_REDIRECT');
    const reply = await client.once('1-f', { seq: 1, done: 0 }, 'set k 0 1\r\nx\r\n');
    expect(reply.type).to.equal('ERR_REDIRECT');
  });
});
