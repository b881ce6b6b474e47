import { expect } from 'chai';
import { NODE_ENVIRONMENT } from '../../src/environment.js';
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
  let told: unknown[];
  let disk: Disk;

  beforeEach(() => {
    writes = [];
    told = [];
    const storage: Pick<Storage, 'persist' | 'readEntries'> = {
      readEntries: async () => [],
      persist: (requests) => {
        writes.push(requests.map(({ sequence }) => sequence));
        return new Promise((resolve) => {
          finish = resolve;
        });
      },
    };
    disk = new Disk({
      environment: NODE_ENVIRONMENT,
      storage,
      metrics: new ServerMetrics(),
      onPersisted: (sequence) => told.push(sequence),
      onRead: (readId) => told.push(readId),
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
