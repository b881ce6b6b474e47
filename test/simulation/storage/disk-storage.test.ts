import { expect } from 'chai';
import { KeyValueStore } from '../../../src/state-machine/key-value-store.js';
import { SnapshotSource } from '../../../src/storage/snapshot-format.js';
import { itIsAStorage } from '../../storage/storage-suite.js';
import { HASH_SECRET } from '../../support/hash-secret.js';
import { openStorage } from '../../support/open-storage.js';
import { rejection } from '../../support/storage.js';
import { HEALTHY_DISK } from '../world/disk-calls.js';
import { DIRECTORY, useSimulatedSite } from './site.js';

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

async function readAll(pieces: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of pieces);
}
