import { expect } from 'chai';
import { NODE_ENVIRONMENT } from '../../../src/environment.js';
import { DataDirectories } from '../../../src/storage/data-directories.js';
import { DataDirectory } from '../../../src/storage/data-directory.js';
import { DiskStorage } from '../../../src/storage/disk-storage.js';
import { rebuildServer } from '../../../src/storage/rebuild.js';
import { entries, persistOf } from '../../support/storage.js';
import { HEALTHY_DISK } from '../world/disk-calls.js';
import { SimulatedSite } from './site.js';

const SEEDS = 60;

describe('a data directory on a simulated disk', () => {
  it('is, after the end of the machine or the process at any moment, not there yet or as it was opened', async () => {
    const found = new Set<string>();
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const site = await SimulatedSite.make(seed);
      const world = () => ({ files: site.files, environment: NODE_ENVIRONMENT, servers: 2 });
      const deep = '/a/b/data';
      let clusterId: string | undefined;
      const opening = DataDirectory.open(deep, world()).then((directory) => {
        clusterId = directory.clusterId;
      });
      await site.untilOrEvents(opening, seed);
      if (seed % 2 === 0) site.losePower();
      else site.endThread();
      const directory = await site.until(DataDirectory.open(deep, world()));
      if (clusterId !== undefined) expect(directory.clusterId, `seed ${seed}`).to.equal(clusterId);
      found.add(clusterId === undefined ? 'made anew' : 'kept');
      for (const serverId of [0, 1]) {
        const storage = await site.until(
          DiskStorage.open({
            files: site.files,
            directory: directory.serverDirectory(serverId),
            owner: { clusterId: directory.clusterId, serverId },
            fsync: true,
          }),
        );
        await site.until(storage.close());
      }
    }
    expect([...found]).to.have.members(['made anew', 'kept']);
  });

  it('are, one for each server, not there yet or as they were opened after an end at any moment', async () => {
    const found = new Set<string>();
    const paths = ['/a/data', '/b/data', '/c/data'];
    for (let seed = 1; seed <= 2 * SEEDS; seed += 1) {
      const site = await SimulatedSite.make(seed);
      const open = () =>
        DataDirectories.open(paths, { files: site.files, environment: NODE_ENVIRONMENT, servers: 3 });
      let clusterId: string | undefined;
      const opening = open().then((directories) => {
        clusterId = directories.clusterId;
      });
      await site.untilOrEvents(opening, 2 * seed);
      if (seed % 2 === 0) site.losePower();
      else site.endThread();
      const directories = await site.until(open());
      if (clusterId !== undefined) expect(directories.clusterId, `seed ${seed}`).to.equal(clusterId);
      found.add(clusterId === undefined ? 'made anew' : 'kept');
      for (const serverId of [0, 1, 2]) {
        const owner = { clusterId: directories.clusterId, serverId };
        const directory = await site.until(directories.locate(serverId));
        const storage = await site.until(
          DiskStorage.open({ files: site.files, directory, owner, fsync: true }),
        );
        await site.until(storage.close());
      }
    }
    expect([...found]).to.have.members(['made anew', 'kept']);
  });

  it('are never used without what they had, whatever happened before a disk was lost', async () => {
    const paths = ['/a/data', '/b/data', '/c/data'];
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const site = await SimulatedSite.make(seed);
      const open = () =>
        DataDirectories.open(paths, { files: site.files, environment: NODE_ENVIRONMENT, servers: 3 });
      // A first start ends at any moment, a second one has come up.
      await site.untilOrEvents(open(), seed);
      site.losePower();
      await site.until(open());
      site.losePower();
      await site.until(site.files.removeTree(paths[seed % 3] ?? ''));
      const directories = await site.until(open());
      const refusal = await site.until(directories.locate(seed % 3).catch((error: unknown) => error));
      expect(refusal, `seed ${seed}`).to.have.property('code', 'DISK_MISSING');
    }
  });

  it('are, after a rebuild that ended at any moment, the old one, the new one, or refused until it is done again', async () => {
    const paths = ['/a/data', '/b/data', '/c/data'];
    const [OLD, NEW] = [
      { currentTerm: 5, votedFor: 2 },
      { currentTerm: 1, votedFor: 0 },
    ];
    const found = new Set<string>();
    for (let seed = 1; seed <= 2 * SEEDS; seed += 1) {
      const site = await SimulatedSite.make(seed);
      const world = () => ({ files: site.files, environment: NODE_ENVIRONMENT });
      const open = () => DataDirectories.open(paths, { ...world(), servers: 3 });
      const stateOf = async (directories: DataDirectories, serverId: number) => {
        const owner = { clusterId: directories.clusterId, serverId };
        const directory = await site.until(directories.locate(serverId));
        const storage = await site.until(
          DiskStorage.open({ files: site.files, directory, owner, fsync: true }),
        );
        if (storage.recovered.hardState.currentTerm === 0) {
          const hardState = serverId === 0 ? OLD : NEW;
          await site.until(storage.persist([persistOf(entries(1, 3, 1), hardState)]));
        }
        await site.until(storage.close());
        return storage.recovered.hardState;
      };
      const made = await site.until(open());
      for (const serverId of [0, 1, 2]) await stateOf(made, serverId);
      await site.until(made.close());
      await site.untilOrEvents(rebuildServer(paths, 0, world()), 4 * seed);
      if (seed % 2 === 0) site.losePower();
      else site.endThread();
      const directories = await site.until(open());
      const state = await stateOf(directories, 0).catch((error: unknown) => {
        expect(error, `seed ${seed}`).to.have.property('code', 'DISK_FOREIGN');
        return undefined;
      });
      await site.until(directories.close());
      if (state === undefined) {
        found.add('refused');
        await site.until(rebuildServer(paths, 0, world()));
        const again = await site.until(open());
        expect(await stateOf(again, 0), `seed ${seed}`).to.deep.equal(NEW);
      } else {
        expect([OLD, NEW], `seed ${seed}`).to.deep.include(state);
        found.add(state.currentTerm === OLD.currentTerm ? 'old' : 'new');
      }
    }
    expect([...found]).to.have.members(['old', 'refused', 'new']);
  });

  it('is there when the machine ends, although syncs failed before it was opened', async () => {
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const site = await SimulatedSite.make(seed);
      const world = () => ({ files: site.files, environment: NODE_ENVIRONMENT, servers: 2 });
      await site.until(site.files.makeDirectory('/data'));
      await site.until(site.files.syncDirectory('/'));
      site.disk.faults = { ...HEALTHY_DISK, syncErrors: 0.3 };
      for (let trial = 0; trial < 4; trial += 1) {
        const found = await site.until(DataDirectory.open('/data', world()).catch(expectRefused));
        await site.until(found?.close() ?? Promise.resolve());
      }
      site.disk.faults = HEALTHY_DISK;
      const { clusterId } = await site.until(DataDirectory.open('/data', world()));
      site.losePower();
      const directory = await site.until(DataDirectory.open('/data', world()));
      expect(directory.clusterId, `seed ${seed}`).to.equal(clusterId);
      for (const serverId of [0, 1]) {
        const storage = await site.until(
          DiskStorage.open({
            files: site.files,
            directory: directory.serverDirectory(serverId),
            owner: { clusterId, serverId },
            fsync: true,
          }),
        );
        await site.until(storage.close());
      }
    }
  });

  it('keeps what the new disk acknowledged, and never brings back the old one, when the machine ends', async () => {
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const site = await SimulatedSite.make(seed);
      const world = () => ({ files: site.files, environment: NODE_ENVIRONMENT });
      const opened = async (directory: DataDirectory, serverId: number) =>
        site.until(
          DiskStorage.open({
            files: site.files,
            directory: directory.serverDirectory(serverId),
            owner: { clusterId: directory.clusterId, serverId },
            fsync: true,
          }),
        );
      const directory = await site.until(DataDirectory.open('/data', { ...world(), servers: 2 }));
      for (const serverId of [0, 1]) {
        const storage = await opened(directory, serverId);
        await site.until(storage.persist([persistOf(entries(1, 3, 1), { currentTerm: 1, votedFor: 0 })]));
        await site.until(storage.close());
      }
      await site.until(directory.close());
      await site.until(rebuildServer(['/data'], 0, world()));
      const rebuilt = await opened(directory, 0);
      await site.until(rebuilt.persist([persistOf([], { currentTerm: 9, votedFor: 1 })]));
      site.losePower();
      const { recovered } = await opened(directory, 0);
      expect(recovered.hardState, `seed ${seed}`).to.deep.equal({ currentTerm: 9, votedFor: 1 });
      expect(recovered.entries).to.have.length(3);
    }
  });
});

function expectRefused(error: unknown): undefined {
  expect(error).to.have.property('code', 'DATA_DIRECTORY_REFUSED');
}
