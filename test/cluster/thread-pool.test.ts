import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { MessageChannel } from 'node:worker_threads';
import { expect } from 'chai';
import { ThreadPool } from '../../src/cluster/thread-pool.js';
import { temporaryDirectory } from '../support/cluster.js';
import { BYTES, type SlowWriterTask } from './fixtures/slow-writer.js';

const SLOW_WRITER = fileURLToPath(new URL('fixtures/slow-writer.js', import.meta.url));
const PIPE_BYTES = 64 * 1024;

describe('the pool of server threads', () => {
  it('ends an aborted task only when none of its writes is under way any more', async function () {
    if (process.platform !== 'linux') this.skip();
    const directory = await temporaryDirectory();
    const path = join(directory.path, 'pipe');
    await promisify(execFile)('mkfifo', [path]);
    const pool = new ThreadPool(SLOW_WRITER, 1);
    const reader = await open(path, 'r+');
    try {
      const { port1, port2 } = new MessageChannel();
      const abort = new AbortController();
      const task: SlowWriterTask = { path, writing: port2 };
      let isOver = false;
      const running = pool
        .run(task, { signal: abort.signal, transferList: [port2] })
        .catch((error: unknown) => {
          isOver = true;
          return String(error);
        });
      await once(port1, 'message');
      port1.close();
      // The pipe is full once there is a byte in it: the write is under way.
      await reader.read(Buffer.alloc(1));
      abort.abort();
      let received = 1;
      const buffer = Buffer.alloc(PIPE_BYTES);
      // When what is left fits into the pipe, the write is over.
      while (received < BYTES - PIPE_BYTES) {
        expect(isOver, `over after ${received} bytes`).to.equal(false);
        received += (await reader.read(buffer)).bytesRead;
      }
      while (received < BYTES) received += (await reader.read(buffer)).bytesRead;
      expect(await running).to.match(/abort/i);
    } finally {
      await reader.close();
      await pool.destroy();
      await directory.remove();
    }
  });
});
