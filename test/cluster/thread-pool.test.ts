import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MessageChannel } from 'node:worker_threads';
import { expect } from 'chai';
import { ClassicLevel } from 'classic-level';
import { ThreadPool } from '../../src/cluster/thread-pool.js';
import { temporaryDirectory } from '../support/cluster.js';
import type { DiskHolderTask } from './fixtures/disk-holder.js';

const DISK_HOLDER = fileURLToPath(new URL('fixtures/disk-holder.js', import.meta.url));

describe('the pool of server threads', () => {
  it('ends an aborted task only when its thread holds nothing any more', async () => {
    const directory = await temporaryDirectory();
    const path = join(directory.path, 'level');
    const pool = new ThreadPool(DISK_HOLDER, 1);
    try {
      for (let round = 0; round < 5; round += 1) {
        const { port1, port2 } = new MessageChannel();
        const abort = new AbortController();
        const task: DiskHolderTask = { path, opened: port2 };
        const running = pool.run(task, { signal: abort.signal, transferList: [port2] }).catch(String);
        await once(port1, 'message');
        abort.abort();
        expect(await running).to.match(/abort/i);
        const level = new ClassicLevel(path);
        await level.open();
        await level.close();
        port1.close();
      }
    } finally {
      await pool.destroy();
      await directory.remove();
    }
  });
});
