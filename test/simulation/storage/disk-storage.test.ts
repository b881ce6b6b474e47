import { expect } from 'chai';
import { KeyValueStore } from '../../../src/state-machine/key-value-store.js';
import { SnapshotSource } from '../../../src/storage/snapshot-format.js';
import { itIsAStorage } from '../../storage/storage-suite.js';
import { HASH_SECRET } from '../../support/hash-secret.js';
import { openStorage } from '../../support/open-storage.js';
import { rejection } from '../../support/storage.js';
import { HEALTHY_DISK } from '../world/disk-calls.js';
import { SECTOR_BYTES } from '../world/disk-image.js';
import { DIRECTORY, SimulatedSite, useSimulatedSite } from './site.js';

describe('DiskStorage on a simulated disk', () => {
  const site = useSimulatedSite();

  itIsAStorage(() => openStorage(DIRECTORY, { fsync: true, files: site().files }));

  it('tells a snapshot that cannot be read from one that is damaged', async () => {
    const storage = await openStorage(DIRECTORY, { fsync: true, files: site().files });
    const position = { index: 1, term: 1 };
    const hardState = { currentTerm: 1, votedFor: undefined };
    const entries = [{ ...position, payload: new Uint8Array(1) }];
    await storage.persist([{ sequence: 1, hardState, entries, snapshotChunk: undefined }]);
    const sink = await storage.createSnapshot();
    const source = new SnapshotSource(new KeyValueStore(HASH_SECRET).image());
    for (let piece = source.next(1_000); piece !== undefined; piece = source.next(1_000))
      await sink.write(piece);
    await sink.commit(position, position);
    site().disk.faults = { ...HEALTHY_DISK, readErrors: 1 };
    const error = await rejection(readAll(storage.snapshotImage()));
    expect(error).to.have.property('code', 'DISK_READ_FAILED');
    site().disk.faults = HEALTHY_DISK;
    await storage.close();
  });
});

describe('DiskStorage after a write that the end of the machine has torn', () => {
  const SEEDS = 250;
  const hardState = { currentTerm: 1, votedFor: undefined };

  it('has nothing of it come back, although the sync of the zeros in its place failed', async () => {
    let failures = 0;
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const site = await SimulatedSite.make(seed);
      const open = () => openStorage(DIRECTORY, { fsync: true, files: site.files });
      const torn = await site.until(open());
      const long = { index: 1, term: 1, payload: new Uint8Array(6 * SECTOR_BYTES).fill(1) };
      void torn.persist([{ sequence: 1, hardState, entries: [long], snapshotChunk: undefined }]);
      site.losePower();
      site.disk.faults = { ...HEALTHY_DISK, syncErrors: 0.2 };
      for (let trial = 0; trial < 8; trial += 1) {
        const found = await site.until(open().catch(expectOpenFailed));
        if (found === undefined) failures += 1;
        else await site.until(found.close());
      }
      site.disk.faults = HEALTHY_DISK;
      const storage = await site.until(open());
      const isThere = storage.recovered.entries.length > 0;
      const entry = { index: 1, term: 2, payload: new Uint8Array(1) };
      await site.until(
        storage.persist([
          {
            sequence: 2,
            hardState: { ...hardState, currentTerm: 2 },
            entries: [entry],
            snapshotChunk: undefined,
          },
        ]),
      );
      site.losePower();
      const { recovered } = await site.until(open());
      expect(recovered.entries, `seed ${seed}, ${isThere ? 'whole' : 'torn'}`).to.deep.equal([entry]);
    }
    expect(failures).to.be.greaterThan(SEEDS / 4);
  });
});

function expectOpenFailed(error: unknown): undefined {
  expect(error).to.have.property('code', 'DISK_OPEN_FAILED');
}

async function readAll(pieces: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of pieces);
}
