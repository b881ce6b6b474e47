import { expect } from 'chai';
import type { DataFile } from '../../../src/storage/files.js';
import { Random } from '../../../tools/support/random.js';
import { rejection } from '../../support/storage.js';
import { SimulatedDisk } from './disk.js';
import { HEALTHY_DISK } from './disk-calls.js';
import { SECTOR_BYTES } from './disk-image.js';
import type { SimulatedFiles } from './files.js';
import { SimulatedThread } from './thread.js';
import { World } from './world.js';

const SEEDS = 40;

/** One thing done on a new disk for each seed. */
class Site {
  readonly world = new World();
  readonly disk: SimulatedDisk;
  readonly #random: Random;
  #thread: SimulatedThread;
  files: SimulatedFiles;

  constructor(seed: number) {
    this.#random = new Random(seed);
    this.disk = new SimulatedDisk(this.world, this.#random);
    this.#thread = this.thread();
    this.files = this.disk.filesOf(this.#thread);
  }

  thread(): SimulatedThread {
    const onError = (error: unknown) => {
      throw error;
    };
    return new SimulatedThread({ name: 'thread', world: this.world, random: this.#random, onError });
  }

  /** A file of this length whose zeros and name survive. */
  async file(path: string, sectors: number): Promise<DataFile> {
    const file = await this.do(this.files.create(path));
    await this.do(file.write(new Uint8Array(sectors * SECTOR_BYTES), 0));
    await this.do(file.sync());
    await this.do(this.files.syncDirectory('/'));
    return file;
  }

  async do<T>(call: Promise<T>): Promise<T> {
    let isOver = false;
    const end = () => {
      isOver = true;
    };
    call.then(end, end);
    await this.world.run(() => isOver);
    return call;
  }

  losePower(): void {
    this.disk.losePower();
    this.#startThread();
  }

  endThread(): void {
    this.#thread.end();
    this.#startThread();
  }

  #startThread(): void {
    this.#thread = this.thread();
    this.files = this.disk.filesOf(this.#thread);
  }

  /** The first byte of each sector. */
  async sectors(path: string): Promise<string> {
    const bytes = await this.do(this.files.read(path));
    return Array.from(bytes)
      .filter((_, at) => at % SECTOR_BYTES === 0)
      .join('');
  }
}

/** What was seen on a new disk for each of the seeds. */
async function seen(look: (site: Site) => Promise<string>): Promise<readonly string[]> {
  const found = new Set<string>();
  for (let seed = 1; seed <= SEEDS; seed += 1) found.add(await look(new Site(seed)));
  return [...found].sort();
}

const filled = (sectors: number, byte = 1) => Buffer.alloc(sectors * SECTOR_BYTES, byte);

describe('the simulated disk', () => {
  it('keeps or forgets each sector by itself that was not synced when the machine ends', async () => {
    const found = await seen(async (site) => {
      const file = await site.file('/f', 3);
      await site.do(file.write(filled(3), 0));
      expect(await site.sectors('/f')).to.equal('111');
      site.losePower();
      return site.sectors('/f');
    });
    expect(found).to.deep.equal(['000', '001', '010', '011', '100', '101', '110', '111']);
  });

  it('may keep what a sector held in between', async () => {
    const found = await seen(async (site) => {
      const file = await site.file('/f', 1);
      await site.do(file.write(filled(1, 1), 0));
      await site.do(file.write(filled(1, 2), 0));
      site.losePower();
      return site.sectors('/f');
    });
    expect(found).to.deep.equal(['0', '1', '2']);
  });

  it('keeps what was synced, not what was written while a sync was under way', async () => {
    const found = await seen(async (site) => {
      const file = await site.file('/f', 2);
      await site.do(file.write(filled(1), 0));
      const syncing = file.datasync();
      await site.do(file.write(filled(1), SECTOR_BYTES));
      await site.do(syncing);
      site.losePower();
      return site.sectors('/f');
    });
    expect(found).to.deep.equal(['10', '11']);
  });

  it('keeps all that was written when a thread ends, and a first part of what was under way', async () => {
    const found = await seen(async (site) => {
      const file = await site.file('/f', 4);
      await site.do(file.write(filled(1), 0));
      void file.write(filled(3), SECTOR_BYTES);
      site.endThread();
      return site.sectors('/f');
    });
    expect(found).to.deep.equal(['1000', '1100', '1110', '1111']);
  });

  it('delivers nothing to a thread that has ended', async () => {
    const site = new Site(1);
    const file = await site.file('/f', 1);
    let isTold = false;
    void file.write(filled(1), 0).then(() => {
      isTold = true;
    });
    site.endThread();
    await site.world.run(() => false);
    expect(isTold).to.equal(false);
  });

  it('tears the write of a log that is under way when the machine ends, and keeps each that is over', async () => {
    const found = await seen(async (site) => {
      await site.file('/f', 3);
      const log = await site.do(site.files.openLog('/f', { fsync: true }));
      await site.do(log.write(filled(1), 0));
      void log.write(filled(2), SECTOR_BYTES);
      site.losePower();
      return site.sectors('/f');
    });
    expect(found).to.deep.equal(['100', '101', '110', '111']);
  });

  it('keeps or forgets each name by itself until the directory is synced, and renames as a whole', async () => {
    const found = await seen(async (site) => {
      await site.file('/old', 1);
      await site.file('/gone', 1);
      await site.do(site.files.rename('/old', '/new'));
      await site.do(site.files.remove('/gone'));
      await site.do(site.files.create('/made'));
      site.losePower();
      return (await site.do(site.files.list('/'))).join(' ');
    });
    expect(found).to.deep.equal([
      'gone made new',
      'gone made old',
      'gone new',
      'gone old',
      'made new',
      'made old',
      'new',
      'old',
    ]);
  });

  it('does not bring back by a later sync what one that failed has lost', async () => {
    const found = await seen(async (site) => {
      const file = await site.file('/f', 2);
      await site.do(file.write(filled(2), 0));
      site.disk.faults = { ...HEALTHY_DISK, syncErrors: 1 };
      expect(await rejection(site.do(file.datasync()))).to.have.property('code', 'EIO');
      site.disk.faults = HEALTHY_DISK;
      await site.do(file.datasync());
      expect(await site.sectors('/f'), 'as far as the operating system knows').to.equal('11');
      site.losePower();
      return site.sectors('/f');
    });
    expect(found).to.deep.equal(['00', '01', '10', '11']);
  });

  it('takes a first part of a write when it gets full, and then nothing', async () => {
    const site = new Site(1);
    const file = await site.file('/f', 2);
    site.disk.faults = { ...HEALTHY_DISK, isFull: true };
    expect(await site.do(file.write(filled(3), SECTOR_BYTES))).to.equal(SECTOR_BYTES);
    expect(await rejection(site.do(file.write(filled(2), 2 * SECTOR_BYTES)))).to.have.property(
      'code',
      'ENOSPC',
    );
    expect(await rejection(site.do(site.files.create('/g')))).to.have.property('code', 'ENOSPC');
  });

  it('has no result for anybody while it is stalled, and then all of them', async () => {
    const site = new Site(1);
    const file = await site.file('/f', 1);
    site.disk.stall();
    let isOver = false;
    const writing = file.write(filled(1), 0).then(() => {
      isOver = true;
    });
    await site.world.run(() => false);
    expect(isOver).to.equal(false);
    site.disk.resume();
    await writing;
  });

  it('lets one have a lock at a time, until it is released or its holder ends', async () => {
    const site = new Site(1);
    const thread = site.thread();
    const other = site.disk.filesOf(thread);
    const held = await site.do(site.files.lock('/lock'));
    expect(await site.do(other.lock('/lock'))).to.equal(undefined);
    await held?.release();
    const taken = await site.do(other.lock('/lock'));
    expect(taken).not.to.equal(undefined);
    thread.end();
    expect(await site.do(site.files.lock('/lock'))).not.to.equal(undefined);
  });

  it('does the same for the same seed', async () => {
    const run = () =>
      seen(async (site) => {
        const file = await site.file('/f', 40);
        await site.do(file.write(filled(40), 0));
        site.losePower();
        return site.sectors('/f');
      });
    expect(await run()).to.deep.equal(await run());
  });
});
