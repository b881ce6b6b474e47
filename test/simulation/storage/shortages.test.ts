import { expect } from 'chai';
import type { Entry } from '../../../src/raft/types.js';
import { KeyValueStore } from '../../../src/state-machine/key-value-store.js';
import type { DiskStorage } from '../../../src/storage/disk-storage.js';
import type { Backoff } from '../../../src/storage/shortage-retries.js';
import { SnapshotSource } from '../../../src/storage/snapshot-format.js';
import { HASH_SECRET } from '../../support/hash-secret.js';
import { openStorage } from '../../support/open-storage.js';
import { entry, persistOf, readable, rejection } from '../../support/storage.js';
import { type DiskFaults, HEALTHY_DISK } from '../world/disk-calls.js';
import { DIRECTORY, SimulatedSite } from './site.js';

/** More than half a segment of the tests' storages. */
const LARGE = 'x'.repeat(5_000);

/** Notes each shortage, and lets it pass after some tries. */
class Waiting implements Backoff {
  readonly causes: unknown[] = [];
  overs = 0;
  readonly #onWait: (tries: number) => void;

  constructor(onWait: (tries: number) => void) {
    this.#onWait = onWait;
  }

  async wait(cause: unknown): Promise<void> {
    this.causes.push(cause);
    this.#onWait(this.causes.length);
  }

  over(): void {
    this.overs += 1;
  }
}

describe('a disk with a shortage that passes', () => {
  const written = Array.from({ length: 12 }, (_, at) => entry(at + 1, 1, `${at}${LARGE}`));

  async function opened(site: SimulatedSite, fsync = true): Promise<DiskStorage> {
    return site.until(openStorage(DIRECTORY, { fsync, files: site.files }));
  }

  async function writeAll(
    site: SimulatedSite,
    storage: DiskStorage,
    entries: readonly Entry[],
  ): Promise<void> {
    for (const one of entries)
      await site.until(storage.persist([persistOf([one], { currentTerm: 1, votedFor: 0 })]));
  }

  async function reopened(site: SimulatedSite): Promise<readonly unknown[]> {
    const storage = await opened(site);
    const { entries } = storage.recovered;
    await site.until(storage.close());
    return readable(entries);
  }

  const SHORTAGES: readonly (readonly [what: string, faults: Partial<DiskFaults>, code: string])[] = [
    ['room', { isFull: true }, 'ENOSPC'],
    ['descriptors', { isOutOfDescriptors: true }, 'EMFILE'],
  ];

  for (const [what, faults, code] of SHORTAGES) {
    it(`is written to once there is ${what} again, and has all of it after a loss of power`, async () => {
      const site = await SimulatedSite.make(1);
      const storage = await opened(site);
      const waiting = new Waiting((tries) => {
        if (tries % 4 === 0) site.disk.faults = HEALTHY_DISK;
      });
      storage.retryWith(waiting);
      for (const [at, one] of written.entries()) {
        if (at % 3 === 0) site.disk.faults = { ...HEALTHY_DISK, ...faults };
        await writeAll(site, storage, [one]);
      }
      expect(waiting.causes.length).to.be.above(0);
      for (const cause of waiting.causes) expect(cause).to.have.property('code', code);
      expect(waiting.overs).to.be.above(0);
      site.losePower();
      expect(await reopened(site)).to.deep.equal(readable(written));
    });
  }

  it('has each write whole that it took only a part of', async () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const site = await SimulatedSite.make(seed);
      const storage = await opened(site);
      storage.retryWith(new Waiting(() => {}));
      site.disk.faults = { ...HEALTHY_DISK, shortWrites: 0.5 };
      await writeAll(site, storage, written);
      site.disk.faults = HEALTHY_DISK;
      site.losePower();
      expect(await reopened(site), `seed ${seed}`).to.deep.equal(readable(written));
    }
  });

  it('has what was acknowledged when the thread ends while it waits', async () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const site = await SimulatedSite.make(seed);
      const storage = await opened(site);
      await writeAll(site, storage, written.slice(0, 3));
      site.disk.faults = { ...HEALTHY_DISK, isFull: true, shortWrites: seed % 2 };
      storage.retryWith(new Waiting(() => {}));
      let acknowledged = 3;
      const rest = async () => {
        for (const one of written.slice(3)) {
          await storage.persist([persistOf([one])]);
          acknowledged += 1;
        }
      };
      await site.untilOrEvents(rest(), 300);
      site.disk.faults = HEALTHY_DISK;
      site.endThread();
      const kept = await reopened(site);
      expect(kept.slice(0, acknowledged)).to.deep.equal(readable(written).slice(0, acknowledged));
    }
  });

  it('drops a snapshot that finds no space, and can take another', async () => {
    const site = await SimulatedSite.make(1);
    const storage = await opened(site);
    storage.retryWith(new Waiting(() => {}));
    await writeAll(site, storage, written);
    const snapshot = async () => {
      const sink = await storage.createSnapshot();
      const source = new SnapshotSource(new KeyValueStore(HASH_SECRET).image());
      try {
        for (let piece = source.next(1_000); piece !== undefined; piece = source.next(1_000))
          await sink.write(piece);
        return await sink.commit({ index: 12, term: 1 }, { index: 12, term: 1 });
      } catch (error) {
        await sink.discard();
        throw error;
      }
    };
    for (const faults of [{ isFull: true }, { isOutOfDescriptors: true }]) {
      site.disk.faults = { ...HEALTHY_DISK, ...faults };
      const error = await rejection(site.until(snapshot()));
      expect(error).to.have.property('code', 'DISK_SHORTAGE');
    }
    site.disk.faults = HEALTHY_DISK;
    expect(await site.until(snapshot())).to.include({ index: 12 });
    expect(await reopened(site)).to.deep.equal([]);
  });

  it('fails at once when nobody waits, and tells that by a code of its own', async () => {
    const site = await SimulatedSite.make(1);
    const storage = await opened(site);
    site.disk.faults = { ...HEALTHY_DISK, isFull: true };
    const error = await rejection(writeAll(site, storage, written));
    expect(error).to.have.property('code', 'DISK_SHORTAGE');
  });

  it('fails at once by an error of the disk, whoever waits', async () => {
    const site = await SimulatedSite.make(1);
    const storage = await opened(site);
    const waiting = new Waiting(() => {});
    storage.retryWith(waiting);
    site.disk.faults = { ...HEALTHY_DISK, writeErrors: 1 };
    const error = await rejection(writeAll(site, storage, written));
    expect(error).to.have.property('code', 'DISK_WRITE_FAILED');
    expect(waiting.causes).to.deep.equal([]);
  });
});
