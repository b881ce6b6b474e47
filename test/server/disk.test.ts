import { expect } from 'chai';
import { NODE_ENVIRONMENT } from '../../src/environment.js';
import { MAX_DISK_WRITE_BYTES } from '../../src/limits.js';
import type { PersistRequest } from '../../src/raft/types.js';
import { Disk } from '../../src/server/disk.js';
import { ServerMetrics } from '../../src/server/server-metrics.js';
import type { Storage } from '../../src/storage/storage.js';

function requestOf(sequence: number): PersistRequest {
  return { sequence, hardState: undefined, entries: [], snapshotChunk: undefined };
}

describe('a server’s disk', () => {
  let writes: number[][];
  let finish: () => void;
  let progress: () => void;
  let told: unknown[];
  let disk: Disk;
  let onPersisted: (sequence: number) => void;
  let onRead: (readId: number) => void;

  beforeEach(() => {
    onPersisted = (sequence) => told.push(sequence);
    onRead = (readId) => told.push(readId);
    writes = [];
    told = [];
    const storage: Pick<Storage, 'persist' | 'readEntries' | 'readSnapshot'> = {
      readEntries: async () => [],
      readSnapshot: async () => undefined,
      persist: (requests, onProgress = () => undefined) => {
        writes.push(requests.map(({ sequence }) => sequence));
        progress = onProgress;
        return new Promise((resolve) => {
          finish = resolve;
        });
      },
    };
    disk = new Disk({
      environment: NODE_ENVIRONMENT,
      storage,
      metrics: new ServerMetrics(),
      onPersisted: (sequence) => onPersisted(sequence),
      onEntriesRead: (readId) => onRead(readId),
      onSnapshotRead: (readId) => onRead(readId),
      onFailed: (error) => told.push(error),
    });
  });

  async function finishWrite(): Promise<void> {
    finish();
    await new Promise((resolve) => setImmediate(resolve));
  }

  it('writes what came in during a write with the next one', async () => {
    for (const sequence of [1, 2, 3]) disk.write([requestOf(sequence)]);
    await finishWrite();
    await finishWrite();
    expect(writes).to.deep.equal([[1], [2, 3]]);
    expect(told).to.deep.equal([1, 3]);
  });

  it('writes what is more than enough for one write with several', async () => {
    const long = (sequence: number): PersistRequest => ({
      ...requestOf(sequence),
      entries: [{ index: sequence, term: 1, payload: new Uint8Array(MAX_DISK_WRITE_BYTES - 1) }],
    });
    disk.write([requestOf(1)]);
    disk.write([long(2), long(3), long(4), requestOf(5)]);
    for (let write = 0; write < 3; write += 1) await finishWrite();
    expect(writes).to.deep.equal([[1], [2, 3], [4, 5]]);
    expect(told).to.deep.equal([1, 3, 5]);
  });

  it('tells again what is written when a part of the next write is done', async () => {
    disk.write([requestOf(1)]);
    progress();
    await finishWrite();
    disk.write([requestOf(2)]);
    progress();
    disk.stop();
    progress();
    expect(told).to.deep.equal([0, 1, 1]);
  });

  it('fails where what it tells cannot be taken', async () => {
    const refused = new Error('an invariant is broken');
    onPersisted = () => {
      throw refused;
    };
    disk.write([requestOf(1)]);
    await finishWrite();
    onRead = () => {
      throw refused;
    };
    disk.readEntries({ readId: 1, from: 1, to: 1, maxBytes: 1 });
    disk.readSnapshot({ readId: 2, position: { index: 1, term: 1 }, offset: 0, maxBytes: 1 });
    await new Promise((resolve) => setImmediate(resolve));
    expect(told).to.deep.equal([refused, refused, refused]);
  });

  it('writes nothing more once it is stopped, not even what waits', async () => {
    disk.write([requestOf(1)]);
    disk.write([requestOf(2)]);
    disk.stop();
    await finishWrite();
    disk.write([requestOf(3)]);
    expect(writes).to.deep.equal([[1]]);
    expect(told).to.deep.equal([1]);
  });
});
