import { expect } from 'chai';
import { Random } from '../../../tools/support/random.js';
import { SimulatedDisk } from './disk.js';
import { HEALTHY_DISK } from './disk-calls.js';
import { MountedFiles } from './mounted-files.js';
import { SimulatedThread } from './thread.js';
import { World } from './world.js';

describe('a disk with another one mounted', () => {
  let world: World;
  let thread: SimulatedThread;
  let own: SimulatedDisk;
  let other: SimulatedDisk;
  let files: MountedFiles;

  beforeEach(() => {
    world = new World();
    thread = newThread();
    own = new SimulatedDisk(world, new Random(2));
    other = new SimulatedDisk(world, new Random(3));
    const [ownFiles, otherFiles] = [own.filesOf(thread), other.filesOf(thread)];
    files = new MountedFiles(ownFiles, (path) =>
      path.startsWith('/all/one') ? { files: otherFiles, path: path.slice(8) || '/' } : undefined,
    );
  });

  function newThread(): SimulatedThread {
    return new SimulatedThread({
      name: 'test',
      world,
      random: new Random(1),
      onError: (error) => {
        throw error;
      },
    });
  }

  /** Lets events happen until it is settled. */
  async function done<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const settled = promise.finally(() => {
      isSettled = true;
    });
    settled.catch(() => undefined);
    await world.run(() => isSettled, Number.POSITIVE_INFINITY);
    return settled;
  }

  it('has what is below the mount point on the other disk', async () => {
    await done(files.makeDirectory('/all/one'));
    await done(files.create('/all/one/file'));
    await done(files.create('/all/file'));
    expect(await done(files.list('/all'))).to.have.members(['one', 'file']);
    expect(await done(files.list('/all/one'))).to.deep.equal(['file']);
    expect(await done(other.filesOf(thread).list('/'))).to.deep.equal(['file']);
    expect(await done(own.filesOf(thread).list('/all/one'))).to.deep.equal([]);
  });

  it('loses the mount point with what is below it', async () => {
    await done(files.makeDirectory('/all/one'));
    await done(files.create('/all/one/file'));
    await done(files.removeTree('/all/one'));
    expect(await done(files.list('/all'))).to.deep.equal([]);
    expect(await done(other.filesOf(thread).list('/'))).to.deep.equal([]);
  });

  it('keeps the root of the other disk, whatever a sync says', async () => {
    other.faults = { ...HEALTHY_DISK, syncErrors: 1 };
    await done(files.makeDirectory('/all/one').catch(() => undefined));
    other.faults = HEALTHY_DISK;
    await done(files.makeDirectory('/all/one'));
    await done(files.syncDirectory('/all'));
    other.losePower();
    expect(await done(other.filesOf(newThread()).list('/'))).to.deep.equal([]);
  });

  it('renames within a disk alone', async () => {
    await done(files.makeDirectory('/all/one'));
    await done(files.create('/all/one/file'));
    await done(files.rename('/all/one/file', '/all/one/name'));
    expect(await done(files.list('/all/one'))).to.deep.equal(['name']);
    expect(() => files.rename('/all/one/name', '/all/name')).to.throw(RangeError, 'two disks');
  });
});
