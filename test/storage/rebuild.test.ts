import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { NODE_ENVIRONMENT } from '../../src/environment.js';
import type { Configuration, Entry, HardState, Member, RecoveredState } from '../../src/raft/types.js';
import { KeyValueStore } from '../../src/state-machine/key-value-store.js';
import { DataDirectory } from '../../src/storage/data-directory.js';
import { DiskStorage } from '../../src/storage/disk-storage.js';
import { NODE_FILES } from '../../src/storage/node-files.js';
import { rebuildServer } from '../../src/storage/rebuild.js';
import { SnapshotSource } from '../../src/storage/snapshot-format.js';
import { HASH_SECRET } from '../support/hash-secret.js';
import {
  entries,
  entry,
  expectOneLine,
  persistOf,
  readable,
  rejection,
  useDirectory,
} from '../support/storage.js';

const WORLD = { files: NODE_FILES, environment: NODE_ENVIRONMENT };

describe('rebuilding a server from the disks of the others', () => {
  const parent = useDirectory();
  const path = () => join(parent(), 'data');

  async function withDirectory<T>(action: (directory: DataDirectory) => Promise<T>): Promise<T> {
    const directory = await DataDirectory.openExisting(path(), WORLD);
    try {
      return await action(directory);
    } finally {
      await directory.close();
    }
  }

  function withServer<T>(id: number, action: (storage: DiskStorage) => Promise<T>): Promise<T> {
    return withDirectory(async (directory) => {
      const { clusterId } = directory;
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
    });
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

  describe('in the middle of a change of members', () => {
    const first: Member = { id: 0, slot: 0 };
    const second: Member = { id: 1, slot: 1 };
    const third: Member = { id: 2, slot: 2 };

    /** A cluster that began with `from` servers, whose members 0, 1 and 2 have this configuration as the last of their log. */
    async function change(
      from: number,
      { voters, outgoing }: Pick<Configuration, 'voters' | 'outgoing'>,
    ): Promise<void> {
      await (await DataDirectory.open(path(), { ...WORLD, servers: from })).close();
      await withDirectory(async (directory) => {
        for (let slot = from; slot < 3; slot += 1) await directory.add(slot);
      });
      const log = [
        ...entries(1, 2, 1),
        { ...entry(3, 1, ''), configuration: { voters, outgoing, learners: [], nextId: 3 } },
      ];
      for (const id of [0, 1, 2])
        await withServer(id, (storage) => storage.persist([persistOf(log, { currentTerm: 1, votedFor: 0 })]));
    }

    it('gives the configuration of the change along', async () => {
      await change(1, { voters: [first, second, third], outgoing: [first] });
      await rm(join(path(), 'server-2'), { recursive: true });
      expect(await rebuildServer([path()], 2, WORLD)).to.deep.equal({ from: 0, lastIndex: 3, term: 1 });
      expect((await recovered(2)).entries.at(-1)?.configuration).to.deep.include({
        voters: [first, second, third],
        outgoing: [first],
      });
    });

    it('is refused for a server that could decide alone, as the only one of the old configuration', async () => {
      await change(1, { voters: [first, second, third], outgoing: [first] });
      const error = await rejection(rebuildServer([path()], 0, WORLD));
      expectOneLine(error, 'DATA_DIRECTORY_REFUSED', /server 0 .*decided alone while members changed/);
      expect((await recovered(0)).hardState).to.deep.equal({ currentTerm: 1, votedFor: 0 });
    });

    it('is refused for a server that could decide alone, as the only one of the new configuration', async () => {
      await change(3, { voters: [third], outgoing: [first, second, third] });
      const error = await rejection(rebuildServer([path()], 2, WORLD));
      expectOneLine(error, 'DATA_DIRECTORY_REFUSED', /server 2 .*decided alone while members changed/);
      await rebuildServer([path()], 1, WORLD);
    });

    it('is refused for a server that the log knows nothing of', async () => {
      await change(2, { voters: [first, second], outgoing: [] });
      const error = await rejection(rebuildServer([path()], 2, WORLD));
      expectOneLine(error, 'DATA_DIRECTORY_REFUSED', /server 2 rebuilt: it is no member/);
    });

    it('takes, of a server and the one that is to replace it, the one whose disk is lost', async () => {
      await change(3, {
        voters: [first, second, { id: 3, slot: 2 }],
        outgoing: [first, second, third],
      });
      await withDirectory((directory) => directory.add(2));
      await rm(join(path(), 'server-2'), { recursive: true });
      await rebuildServer([path()], 2, WORLD);
      expect((await recovered(2)).entries).to.have.length(3);
      expect((await recovered(3)).entries).to.have.length(0);
    });

    it('is refused where a server and the one that is to replace it both have their disk', async () => {
      await change(3, { voters: [first, second, third], outgoing: [] });
      await withDirectory((directory) => directory.add(2));
      const error = await rejection(rebuildServer([path()], 2, WORLD));
      expectOneLine(error, 'DATA_DIRECTORY_REFUSED', /two directories of server 2.*start the cluster/);
    });
  });
});
