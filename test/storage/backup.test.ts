import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { NODE_ENVIRONMENT } from '../../src/environment.js';
import { KeyValueStore } from '../../src/state-machine/key-value-store.js';
import { restoreBackup } from '../../src/storage/backup.js';
import { DataDirectory } from '../../src/storage/data-directory.js';
import { DiskStorage } from '../../src/storage/disk-storage.js';
import { NODE_FILES } from '../../src/storage/node-files.js';
import { HASH_SECRET } from '../support/hash-secret.js';
import { recordsOf } from '../support/records.js';
import { expectOneLine, rejection, useDirectory } from '../support/storage.js';

const WORLD = { files: NODE_FILES, environment: NODE_ENVIRONMENT };

/** Made by a version whose data directories had format 2: `plain` set three times, and `mortal` with a deadline. */
const BACKUP_OF_FORMAT_2 = Buffer.from(
  'VFJTTkFQMDEBAEB1WVQiekIFAAAABgAAAAAAAAAAAAhAAAAAAAAAAABwbGFpbmhlbGxvMgYAAAADAAAAAAAAAAAA8D8AYBtVz1eE' +
    'Qm1vcnRhbGFiY/////8AAAAAAAAAQNXDkoI=',
  'base64',
);

describe('restoring a backup', () => {
  const parent = useDirectory();
  const file = () => join(parent(), 'a.backup');
  const dataDir = () => join(parent(), 'data');

  beforeEach(() => writeFile(file(), BACKUP_OF_FORMAT_2));

  it('takes one of an earlier format of the data directory', async () => {
    const facts = await restoreBackup(file(), [dataDir()], { ...WORLD, servers: 3 });
    expect(facts.keys).to.equal(2);
    const directory = await DataDirectory.open(dataDir(), { ...WORLD, servers: 3 });
    for (const serverId of [0, 1, 2]) {
      const storage = await DiskStorage.open({
        files: NODE_FILES,
        directory: directory.serverDirectory(serverId),
        owner: { clusterId: directory.clusterId, serverId },
        fsync: false,
      });
      const { store, reader } = KeyValueStore.fromImage(HASH_SECRET);
      for await (const piece of storage.snapshotImage()) reader.push(piece);
      reader.end();
      const found = recordsOf(store).map(([key, { version }]) => `${key} ${version}`);
      expect(found).to.have.members(['plain 3', 'mortal 1']);
      await storage.close();
    }
    await directory.close();
  });

  it('takes the place of an empty directory, and of no other', async () => {
    await NODE_FILES.makeDirectory(dataDir());
    await restoreBackup(file(), [dataDir()], { ...WORLD, servers: 1 });
    const error = await rejection(restoreBackup(file(), [dataDir()], { ...WORLD, servers: 1 }));
    expectOneLine(error, 'DATA_DIRECTORY_REFUSED', /is not empty: name a new directory/);
  });

  it('leaves nothing when the backup is damaged', async () => {
    const damaged = Buffer.from(BACKUP_OF_FORMAT_2);
    damaged.writeUInt8(damaged.readUInt8(40) ^ 1, 40);
    await writeFile(file(), damaged);
    const error = await rejection(restoreBackup(file(), [dataDir()], { ...WORLD, servers: 1 }));
    expectOneLine(error, 'BAD_BACKUP', /its checksum is wrong/);
    expect(await readdir(parent())).to.deep.equal(['a.backup']);
  });
});
