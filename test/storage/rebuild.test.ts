import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { NODE_ENVIRONMENT } from '../../src/environment.js';
import type { Entry, HardState, RecoveredState } from '../../src/raft/types.js';
import { KeyValueStore } from '../../src/state-machine/key-value-store.js';
import { DataDirectory } from '../../src/storage/data-directory.js';
import { DiskStorage } from '../../src/storage/disk-storage.js';
import { NODE_FILES } from '../../src/storage/node-files.js';
import { rebuildServer } from '../../src/storage/rebuild.js';
import { SnapshotSource } from '../../src/storage/snapshot-format.js';
import { HASH_SECRET } from '../support/hash-secret.js';
import { entries, expectOneLine, persistOf, readable, rejection, useDirectory } from '../support/storage.js';

const WORLD = { files: NODE_FILES, environment: NODE_ENVIRONMENT };

describe('rebuilding a server from the disks of the others', () => {
  const parent = useDirectory();
  const path = () => join(parent(), 'data');

  async function withServer<T>(id: number, action: (storage: DiskStorage) => Promise<T>): Promise<T> {
    const directory = await DataDirectory.openExisting(path(), WORLD);
    const { clusterId } = directory;
    try {
      const storage = await DiskStorage.open({
        files: NODE_FILES,
        directory: directory.serverDirectory(id),
        owner: { clusterId, serverId: id },
        fsync: false,
      });
      try {
        return await action(storage);
      } finally {
        await storage.close();
      }
    } finally {
      await directory.close();
    }
  }

  async function make(logs: readonly (readonly [readonly Entry[], HardState])[]): Promise<void> {
    await (await DataDirectory.open(path(), { ...WORLD, servers: logs.length })).close();
    for (const [id, [log, hardState]] of logs.entries())
      await withServer(id, (storage) => storage.persist([persistOf(log, hardState)]));
  }

  function recovered(id: number): Promise<RecoveredState> {
    return withServer(id, async (storage) => storage.recovered);
  }

  it('takes the most up-to-date log, which is not always the longest', async () => {
    const long = [...entries(1, 9, 1)];
    const late = [...entries(1, 3, 1), ...entries(4, 5, 3)];
    await make([
      [entries(1, 2, 1), { currentTerm: 3, votedFor: 1 }],
      [long, { currentTerm: 3, votedFor: 1 }],
      [late, { currentTerm: 3, votedFor: 2 }],
    ]);
    await rm(join(path(), 'server-0'), { recursive: true });
    expect(await rebuildServer([path()], 0, WORLD)).to.deep.equal({ from: 2, lastIndex: 5, term: 3 });
    expect(readable((await recovered(0)).entries)).to.deep.equal(readable(late));
  });

  it('votes for nobody in any term that the lost disk may have voted in', async () => {
    await make([
      [entries(1, 2, 1), { currentTerm: 1, votedFor: 1 }],
      [entries(1, 2, 1), { currentTerm: 7, votedFor: 1 }],
      [entries(1, 3, 1), { currentTerm: 4, votedFor: 2 }],
    ]);
    await rebuildServer([path()], 0, WORLD);
    expect((await recovered(0)).hardState).to.deep.equal({ currentTerm: 7, votedFor: 0 });
  });

  it('takes the snapshot along, and the log after it', async () => {
    await make([
      [entries(1, 2, 1), { currentTerm: 1, votedFor: 1 }],
      [entries(1, 9, 1), { currentTerm: 1, votedFor: 1 }],
    ]);
    const snapshot = await withServer(1, async (storage) => {
      const sink = await storage.createSnapshot();
      const source = new SnapshotSource(new KeyValueStore(HASH_SECRET).image());
      for (let piece = source.next(1); piece !== undefined; piece = source.next(1)) await sink.write(piece);
      return sink.commit({ index: 7, term: 1 }, { index: 5, term: 1 });
    });
    await rebuildServer([path()], 0, WORLD);
    const { logStart, entries: log, snapshot: copy } = await recovered(0);
    expect({ logStart, copy }).to.deep.equal({ logStart: { index: 5, term: 1 }, copy: snapshot });
    expect(readable(log)).to.deep.equal(readable(entries(6, 9, 1)));
    await withServer(0, async (storage) => {
      const { reader } = KeyValueStore.fromImage(HASH_SECRET);
      for await (const piece of storage.snapshotImage()) reader.push(piece);
      reader.end();
    });
  });

  describe('is refused, and changes nothing,', () => {
    beforeEach(() =>
      make([
        [entries(1, 2, 1), { currentTerm: 1, votedFor: 1 }],
        [entries(1, 2, 1), { currentTerm: 1, votedFor: 1 }],
        [entries(1, 2, 1), { currentTerm: 1, votedFor: 1 }],
      ]),
    );

    it('when another server’s disk is lost, too', async () => {
      await rm(join(path(), 'server-2'), { recursive: true });
      expectOneLine(
        await rejection(rebuildServer([path()], 0, WORLD)),
        'DISK_MISSING',
        /server-2 has lost its data/,
      );
      expect((await recovered(0)).entries).to.have.length(2);
      expect(await readdir(path())).to.have.members(['lock', 'manifest', 'server-0', 'server-1']);
    });

    it('when there is no such server', async () => {
      const error = await rejection(rebuildServer([path()], 3, WORLD));
      expectOneLine(error, 'DATA_DIRECTORY_REFUSED', /has servers 0, 1, 2, no server 3/);
    });

    it('when there is no cluster', async () => {
      const error = await rejection(rebuildServer([parent()], 0, WORLD));
      expectOneLine(error, 'DATA_DIRECTORY_REFUSED', /holds no cluster/);
    });
  });

  it('is refused in a cluster of one', async () => {
    await make([[entries(1, 2, 1), { currentTerm: 1, votedFor: 0 }]]);
    const error = await rejection(rebuildServer([path()], 0, WORLD));
    expectOneLine(error, 'DATA_DIRECTORY_REFUSED', /has no other server/);
  });
});
