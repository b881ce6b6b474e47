import { cp, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { expect } from 'chai';
import { NODE_ENVIRONMENT } from '../../src/environment.js';
import { DataDirectories } from '../../src/storage/data-directories.js';
import { DataDirectory } from '../../src/storage/data-directory.js';
import { DataDirectoryError } from '../../src/storage/data-directory-error.js';
import { DiskStorage } from '../../src/storage/disk-storage.js';
import type { Files } from '../../src/storage/files.js';
import { NODE_FILES } from '../../src/storage/node-files.js';
import { rebuildServer } from '../../src/storage/rebuild.js';
import { TimedFiles } from '../../src/storage/timed-files.js';
import { entries, expectOneLine, persistOf, readable, rejection, useDirectory } from '../support/storage.js';

const WORLD = { files: NODE_FILES, environment: NODE_ENVIRONMENT };

describe('DataDirectories, one for each server,', () => {
  const parent = useDirectory();
  const path = (name: string) => join(parent(), name);
  const paths = (...names: string[]) => names.map(path);
  const ABC = ['a', 'b', 'c'];

  function open(names: readonly string[] = ABC, files: Files = NODE_FILES): Promise<DataDirectories> {
    return DataDirectories.open(paths(...names), { ...WORLD, files, servers: names.length });
  }

  /** Opens them, closes them, and tells the cluster's id. */
  async function openOnce(names: readonly string[] = ABC): Promise<string> {
    const directories = await open(names);
    await directories.close();
    return directories.clusterId;
  }

  async function expectRefusal(names: readonly string[], reason: RegExp): Promise<void> {
    const error = await rejection(open(names));
    expect(error).to.be.an.instanceOf(DataDirectoryError);
    expectOneLine(error, 'DATA_DIRECTORY_REFUSED', reason);
  }

  /** Has a server write to its directory, so that it may have voted. */
  async function use(id: number, names: readonly string[] = ABC, term = 1): Promise<void> {
    const directories = await open(names);
    const storage = await DiskStorage.open({
      files: NODE_FILES,
      directory: await directories.locate(id),
      owner: { clusterId: directories.clusterId, serverId: id },
      fsync: false,
    });
    await storage.persist([persistOf(entries(1, 3, term), { currentTerm: term, votedFor: id })]);
    await storage.close();
    await directories.close();
  }

  it('are made when missing, and each has its server alone, the description and a lock', async () => {
    await openOnce();
    for (const [id, name] of ABC.entries())
      expect(await readdir(path(name))).to.have.members(['lock', 'manifest', `server-${id}`]);
  });

  it('are made anew where the sync of a name failed: a later one does not make that good', async () => {
    const made = await mkdir(path('disk'), { recursive: true });
    expect(made).to.equal(path('disk'));
    const failing: Files = Object.assign(Object.create(NODE_FILES), {
      syncDirectory: (directory: string) =>
        directory === path('disk')
          ? Promise.reject(Object.assign(new Error('i/o error'), { code: 'EIO' }))
          : NODE_FILES.syncDirectory(directory),
    });
    expectOneLine(
      await rejection(open(['a', 'b', 'disk/above/c'], failing)),
      'DATA_DIRECTORY_REFUSED',
      /above/,
    );
    expect(await readdir(path('disk'))).to.deep.equal([]);
    await openOnce(['a', 'b', 'disk/above/c']);
  });

  it('may be where file systems are mounted', async () => {
    await mkdir(join(path('a'), 'lost+found'), { recursive: true });
    await openOnce();
    await openOnce();
  });

  it('go to the servers whose they are, in whatever order they are named', async () => {
    const clusterId = await openOnce();
    const directories = await open(['c', 'a', 'b']);
    expect(directories.clusterId).to.equal(clusterId);
    expect(await directories.locate(0)).to.equal(join(path('a'), 'server-0'));
    expect(await directories.locate(2)).to.equal(join(path('c'), 'server-2'));
    await directories.close();
  });

  it('are held by one at a time, each of them', async () => {
    const directories = await open();
    await expectRefusal(['a', 'x', 'y'], /\/a: in use by another process/);
    await directories.close();
    await openOnce();
  });

  it('are given back when they are refused', async () => {
    await openOnce();
    await expectRefusal(['a', 'b'], /a: is of a cluster of 3 servers: start without -n/);
    await openOnce();
  });

  it('are made anew when the process ended before all of them were made', async () => {
    const first = await openOnce();
    for (const name of ABC) await rm(join(path(name), 'manifest'));
    await rm(path('c'), { recursive: true });
    expect(await openOnce()).not.to.equal(first);
  });

  it('are as they were when the process ended between two manifests', async () => {
    const first = await openOnce();
    for (const name of ['b', 'c']) await rm(join(path(name), 'manifest'));
    expect(await openOnce()).to.equal(first);
    expect(await readdir(path('c'))).to.include('manifest');
  });

  it('refuse to be made anew when a server has used one', async () => {
    await use(1);
    for (const name of ABC) await rm(join(path(name), 'manifest'));
    await expectRefusal(ABC, /b: has lost its manifest: bring it back/);
  });

  describe('contradict each other', () => {
    it('when they are of different clusters', async () => {
      await openOnce(ABC);
      await openOnce(['d', 'e', 'f']);
      await expectRefusal(
        ['a', 'e', 'c'],
        /e: is of another cluster than .*a: give --data-dir the directories/,
      );
    });

    it('when two are of one server', async () => {
      await openOnce();
      await cp(path('a'), path('e'), { recursive: true });
      await expectRefusal(['a', 'e', 'c'], /e: is that of server 0, and so is .*a: name a missing or empty/);
    });

    it('when one holds all servers', async () => {
      await (await DataDirectory.open(path('all'), { ...WORLD, servers: 3 })).close();
      await expectRefusal(['all', 'b', 'c'], /all: holds all 3 servers of a cluster: give --data-dir once/);
    });

    it('when one is named as that of all', async () => {
      await openOnce();
      const error = await rejection(DataDirectory.open(path('b'), { ...WORLD, servers: 3 }));
      expectOneLine(
        error,
        'DATA_DIRECTORY_REFUSED',
        /b: is that of server 1 alone: give --data-dir 3 times, once for each server/,
      );
    });

    it('when one has something else in it', async () => {
      await openOnce();
      await mkdir(path('x'));
      await writeFile(join(path('x'), 'thesis.tex'), 'precious');
      await expectRefusal(['a', 'b', 'x'], /x: holds thesis\.tex, which is not of a cluster/);
    });
  });

  describe('of which a minority is lost', () => {
    beforeEach(() => use(1));

    async function expectLost(id: number, code: string, reason: RegExp, files = NODE_FILES): Promise<void> {
      const directories = await open(ABC, files);
      try {
        for (const other of [0, 1, 2].filter((one) => one !== id)) await directories.locate(other);
        expectOneLine(await rejection(directories.locate(id)), code, reason);
      } finally {
        await directories.close();
      }
    }

    it('serve with the others when one is missing, and do not make it', async () => {
      await rm(path('b'), { recursive: true });
      await expectLost(
        1,
        'DISK_MISSING',
        /b is missing: bring its disk back and restart the server, or .*rebuild 1"/,
      );
      expect(await readdir(parent())).not.to.include('b');
    });

    it('serve with the others when one is empty, and do not use it: its server may have voted', async () => {
      await rm(path('b'), { recursive: true });
      await mkdir(path('b'));
      await expectLost(1, 'DISK_MISSING', /b has lost its data: bring its disk back/);
      expect(await readdir(path('b'))).to.deep.equal([]);
    });

    it('serve with the others when one cannot be read', async () => {
      await expectLost(
        1,
        'DISK_OPEN_FAILED',
        /b cannot be used \(.*EIO.*\): check the disk/,
        failing(path('b'), 'EIO'),
      );
    });

    it('serve with the others when the disk of one does not answer, in time', async () => {
      await openOnce();
      const hung = new Promise<never>(() => undefined);
      const files: Files = {
        ...NODE_FILES,
        list: (directory) => (directory === path('b') ? hung : NODE_FILES.list(directory)),
      };
      const options = { environment: NODE_ENVIRONMENT, timeoutMs: 50 };
      const directories = await open(ABC, new TimedFiles(files, options));
      const error = await rejection(directories.locate(1));
      expectOneLine(error, 'DISK_OPEN_FAILED', /\/b cannot be used .*does not answer/);
      await directories.close();
    });

    it('serve with the others when one is read-only, whatever the order', async () => {
      const directories = await open(['b', 'c', 'a'], readOnly(path('b')));
      expectOneLine(
        await rejection(directories.locate(1)),
        'DISK_OPEN_FAILED',
        /b cannot be used \(.*EROFS.*\): the file system is read-only: make it writable/,
      );
      await directories.close();
    });

    it('serve with the others when the manifest of one is damaged', async () => {
      await writeFile(join(path('b'), 'manifest'), 'junk');
      await expectLost(1, 'DISK_OPEN_FAILED', /b cannot be used \(.*manifest is damaged/);
    });

    it('find it once it is back', async () => {
      await rename(path('b'), path('away'));
      const directories = await open();
      await rejection(directories.locate(1));
      await rename(path('away'), path('b'));
      expect(await directories.locate(1)).to.equal(join(path('b'), 'server-1'));
      await expectRefusal(['x', 'b', 'y'], /b: in use by another process/);
      await directories.close();
    });

    it('find it in the place of another one that is lost, too', async () => {
      const five = ['q', 'r', 's', 't', 'u'];
      await use(1, five);
      await rename(path('r'), path('r away'));
      await rename(path('t'), path('t away'));
      // Server 1 is taken to be at t, the first that is missing.
      const directories = await open(['t', 'q', 's', 'r', 'u']);
      await rename(path('r away'), path('r'));
      expect(await directories.locate(1)).to.equal(join(path('r'), 'server-1'));
      expectOneLine(await rejection(directories.locate(3)), 'DISK_MISSING', /t is missing/);
      await rename(path('t away'), path('t'));
      expect(await directories.locate(3)).to.equal(join(path('t'), 'server-3'));
      await directories.close();
    });

    it('are refused when the majority is lost, in one line that names all of them', async () => {
      await rm(path('a'), { recursive: true });
      await rm(path('b'), { recursive: true });
      await expectRefusal(
        ABC,
        /a: is lost, and so are .*b: of the directories of 3 servers 2 are needed: bring back their disks, or restore a backup/,
      );
      expect(await readdir(parent())).to.deep.equal(['c']);
    });
  });

  describe('of servers that come and go', () => {
    beforeEach(() => use(0));

    /** As a start without -n opens them. */
    function openAny(names: readonly string[] = ABC, files: Files = NODE_FILES): Promise<DataDirectories> {
      return DataDirectories.open(paths(...names), { ...WORLD, files, servers: 3, isAnySize: true });
    }

    async function membersOf(names: readonly string[] = ABC): Promise<string> {
      const directories = await openAny(names);
      const found = await Promise.all(
        directories.members.map(
          async ({ id, slot }) => `${slot}:${relative(parent(), await directories.locate(id))}`,
        ),
      );
      await directories.close();
      return found.join(' ');
    }

    it('have a new one beside the others, or where it is named, and know where it is', async () => {
      const directories = await openAny();
      expect(await directories.add(3)).to.deep.equal({ id: 3, slot: 3 });
      expect(await directories.add(4, path('d'))).to.deep.equal({ id: 4, slot: 4 });
      await directories.settle(5);
      await directories.close();
      const all = '0:a/server-0 1:b/server-1 2:c/server-2 3:a-server-3/server-3 4:d/server-4';
      expect(await membersOf()).to.equal(all);
      expect(await membersOf(['d', 'c', 'b', 'a', 'a-server-3'])).to.equal(all);
      expectOneLine(
        await rejection(DataDirectories.open(paths(...ABC), { ...WORLD, servers: 3 })),
        'DATA_DIRECTORY_REFUSED',
        /is of a cluster of 5 servers: start without -n/,
      );
      await mkdir(path('x'));
      const more = await openAny([...ABC, 'd', 'a-server-3', 'x']);
      expect(more.leftOut.join()).to.match(/x is of no server, and is not used$/);
      await more.close();
    });

    it('never give an identity twice, and use no directory of one that was removed', async () => {
      const directories = await openAny();
      await directories.add(3, path('d'));
      await cp(path('d'), path('kept'), { recursive: true });
      await directories.remove(3);
      expect(await directories.add(3, path('d'))).to.deep.equal({ id: 4, slot: 3 });
      await directories.remove(4);
      await directories.close();
      const again = await openAny([...ABC, 'kept']);
      expect(again.members.map(({ id }) => id)).to.deep.equal([0, 1, 2]);
      expect(again.leftOut.join()).to.match(/kept is that of a server that was removed, and is not used/);
      await again.close();
      await rm(path('c'), { recursive: true });
      const without = await openAny(['a', 'b', 'kept']);
      expectOneLine(await rejection(without.locate(2)), 'DISK_MISSING', /c is missing/);
      await without.close();
    });

    it('lead on to the members when those that are named are all of servers that were removed', async () => {
      const directories = await openAny();
      for (const slot of [0, 1, 2]) {
        await directories.add(slot, path(`e${slot}`));
        await directories.remove(slot);
      }
      await directories.settle(3);
      const { clusterId } = directories;
      await directories.close();
      const again = await open();
      expect(again.clusterId).to.equal(clusterId);
      expect(again.leftOut).to.have.length(3);
      await again.add(0, path('a'));
      await again.remove(3);
      await again.add(3, path('e0'));
      await again.settle(4);
      await again.close();
      expect(await membersOf(['b', 'c'])).to.equal('0:a/server-6 1:e1/server-4 2:e2/server-5 3:e0/server-7');
      await rm(path('e1'), { recursive: true });
      const without = await openAny(['c', 'b']);
      expectOneLine(await rejection(without.locate(4)), 'DISK_MISSING', /e1 is missing/);
      await without.close();
    });

    it('lead on to the members when one of them is missing', async () => {
      const directories = await openAny();
      for (const slot of [0, 1]) {
        await directories.add(slot, path(`e${slot}`));
        await directories.remove(slot);
      }
      await directories.close();
      await rm(path('c'), { recursive: true });
      const again = await open();
      expect(again.members.map(({ id }) => id)).to.deep.equal([3, 4, 2]);
      expectOneLine(await rejection(again.locate(2)), 'DISK_MISSING', /c is missing/);
      await again.close();
    });

    it('do not wait for the disk of one that is removed when it does not answer', async () => {
      const hung = new Promise<never>(() => undefined);
      let isHung = false;
      const files: Files = {
        ...NODE_FILES,
        removeTree: (directory) =>
          isHung && directory === join(path('b'), 'server-1') ? hung : NODE_FILES.removeTree(directory),
      };
      const options = { environment: NODE_ENVIRONMENT, timeoutMs: 50 };
      const directories = await openAny(ABC, new TimedFiles(files, options));
      await directories.add(1, path('e'));
      isHung = true;
      await directories.remove(1);
      await directories.settle(3);
      await directories.close();
      expect(await membersOf()).to.equal('0:a/server-0 1:e/server-3 2:c/server-2');
    });

    it('refuse a place that another server has, or that holds something else', async () => {
      const directories = await openAny();
      await mkdir(path('x'));
      await writeFile(join(path('x'), 'thesis.tex'), 'precious');
      for (const [name, reason] of [
        ['b', /b: is that of another server: name an empty directory/],
        ['x', /x: holds thesis\.tex, which is not of a cluster/],
      ] as const)
        expectOneLine(await rejection(directories.add(3, path(name))), 'DATA_DIRECTORY_REFUSED', reason);
      await directories.close();
      expect(await membersOf()).to.equal('0:a/server-0 1:b/server-1 2:c/server-2');
    });

    it('have the one that replaces another in its place beside it, until that goes', async () => {
      const directories = await openAny();
      await directories.add(1);
      expect(await readdir(path('b'))).to.have.members(['lock', 'manifest', 'server-1', 'server-3']);
      await directories.close();
      const again = await openAny();
      expect(again.members.map(({ id }) => id)).to.deep.equal([0, 1, 3, 2]);
      for (const id of [1, 3]) expect(await again.locate(id)).to.equal(join(path('b'), `server-${id}`));
      await again.remove(1);
      expect(await readdir(path('b'))).to.have.members(['lock', 'manifest', 'server-3']);
      await again.close();
      expect(await membersOf()).to.equal('0:a/server-0 1:b/server-3 2:c/server-2');
    });

    it('have the one that replaces another whose disk is lost in its place, or elsewhere', async () => {
      await rm(path('b'), { recursive: true });
      const directories = await openAny();
      await directories.add(1);
      await directories.remove(1);
      await directories.close();
      expect(await membersOf()).to.equal('0:a/server-0 1:b/server-3 2:c/server-2');
      const broken = await openAny(ABC, failing(path('c'), 'EIO'));
      expectOneLine(
        await rejection(broken.add(2)),
        'DATA_DIRECTORY_REFUSED',
        /c: cannot be used \(EIO\): check the disk.*, or name another directory/,
      );
      await broken.add(2, path('new'));
      await broken.close();
      // Both are wanted while it is not known which of them is a member.
      expect(await membersOf()).to.equal('0:a/server-0 1:b/server-3 2:c/server-2 2:new/server-5');
    });

    it('find what was written last when one could not be written', async () => {
      const directories = await openAny(ABC, readOnly(path('a')));
      await directories.add(3, path('d'));
      await directories.close();
      expect(await membersOf(['a', 'b'])).to.match(/ 3:d\/server-3$/);
      await rm(path('b'), { recursive: true });
      expect(await membersOf(['a', 'c', 'd']).catch(String)).to.match(/b is missing/);
    });
  });

  describe('rebuilt', () => {
    beforeEach(async () => {
      for (const id of [0, 1, 2]) await use(id, ABC, id + 1);
    });

    it('get a new one where one is missing, with what the others have', async () => {
      await rm(path('b'), { recursive: true });
      const names = paths('c', 'new', 'a');
      expect(await rebuildServer(names, 1, WORLD)).to.deep.equal({ from: 2, lastIndex: 3, term: 3 });
      const directories = await DataDirectories.open(names, { ...WORLD, servers: 3 });
      const storage = await DiskStorage.open({
        files: NODE_FILES,
        directory: await directories.locate(1),
        owner: { clusterId: directories.clusterId, serverId: 1 },
        fsync: false,
      });
      expect(storage.recovered.hardState).to.deep.equal({ currentTerm: 3, votedFor: 1 });
      expect(readable(storage.recovered.entries)).to.deep.equal(readable(entries(1, 3, 3)));
      await storage.close();
      await directories.close();
    });

    it('do not go back to the old one when its disk is back: it knows nothing of what was promised since', async () => {
      await rename(path('b'), path('away'));
      await rebuildServer(paths('a', 'new', 'c'), 1, WORLD);
      const directories = await open(['a', 'away', 'c']);
      expectOneLine(
        await rejection(directories.locate(1)),
        'DISK_FOREIGN',
        /away is that of server 1 before it was replaced: name the newer one/,
      );
      await directories.close();
      const newest = await open(['a', 'new', 'c']);
      expect(await newest.locate(1)).to.equal(join(path('new'), 'server-1'));
      await newest.close();
    });

    it('get a new one in place of one that is damaged', async () => {
      await writeFile(join(path('b'), 'server-1', 'manifest'), 'junk');
      await rebuildServer(paths(...ABC), 1, WORLD);
      await openOnce();
    });

    it('refuse when the disk of another server is lost, too, and change nothing', async () => {
      await rm(path('b'), { recursive: true });
      await rm(path('c'), { recursive: true });
      expectOneLine(await rejection(rebuildServer(paths(...ABC), 1, WORLD)), 'DISK_MISSING', /c is missing/);
      expect(await readdir(parent())).to.deep.equal(['a']);
    });

    it('refuse where there is no cluster', async () => {
      const error = await rejection(rebuildServer(paths('x', 'y', 'z'), 1, WORLD));
      expectOneLine(error, 'DATA_DIRECTORY_REFUSED', /x: holds no cluster: name the directories of one/);
    });
  });
});

/** The same files, but for those in a directory, of which every call fails. */
function failing(directory: string, code: string): Files {
  return refusing(directory, code, () => true);
}

/** The same files, but for those in a directory, which can only be read. */
function readOnly(directory: string): Files {
  return refusing(directory, 'EROFS', (call) => !['read', 'list', 'size'].includes(call));
}

function refusing(directory: string, code: string, isRefused: (call: string) => boolean): Files {
  return new Proxy(NODE_FILES, {
    get(files, name, receiver) {
      const method: unknown = Reflect.get(files, name, receiver);
      if (typeof method !== 'function' || !isRefused(String(name))) return method;
      return (path: unknown, ...rest: unknown[]) => {
        if (typeof path === 'string' && path.startsWith(directory)) return Promise.reject(systemError(code));
        return Reflect.apply(method, files, [path, ...rest]);
      };
    },
  });
}

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: the disk fails`), { code, syscall: 'read' });
}
