/** A backup holds keys, and not who the members were: those that a restored cluster has are its own. */

import { join } from 'node:path';
import { expect } from 'chai';
import { restoreBackup, writeBackup } from '../../src/cluster/backup-files.js';
import { TestCluster, temporaryDirectory } from '../support/cluster.js';

describe('a backup of a cluster whose members have changed', () => {
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

  async function voters(): Promise<readonly number[]> {
    return (await cluster?.cluster.members())?.voters ?? [];
  }

  it('is restored to servers of new numbers, which may change in their turn', async () => {
    const before = join(directory.path, 'before');
    const after = join(directory.path, 'after');
    const file = join(directory.path, 'file');
    cluster = await TestCluster.start({ dataDir: before, snapshotLogBytes: 20_000 });
    await cluster.cluster.changeMembers([0, 2, 3]);
    expect(await voters()).to.deep.equal([0, 2, 3]);
    const writer = await cluster.routerClient();
    // Snapshots take the place of the log: they know of the members, too.
    for (let n = 0; n < 200; n += 1) await writer.set(`k${n % 10}`, `${n}`.padEnd(300));
    await writeBackup(file, await cluster.cluster.backup());
    await cluster.close();

    await restoreBackup(file, after, { servers: 3 });
    cluster = await TestCluster.start({ dataDir: after });
    expect(await voters()).to.deep.equal([0, 1, 2]);
    const reader = await cluster.routerClient();
    for (let n = 0; n < 10; n += 1)
      expect(await reader.getm(`k${n}`)).to.include({ version: 20, value: `${190 + n}`.padEnd(300) });

    const added = await cluster.cluster.changeMembers([1, 2, 3]);
    expect(added.map(({ id }) => id)).to.deep.equal([3]);
    expect(await voters()).to.deep.equal([1, 2, 3]);
    await reader.set('k0', 'after the change');
    await cluster.cluster.kill(await cluster.leader());
    expect(await (await cluster.routerClient()).getm('k0')).to.include({ value: 'after the change' });
  });
});
