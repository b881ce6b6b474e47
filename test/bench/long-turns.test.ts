import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { LongTurns, MAIN_THREAD } from '../../tools/support/long-turns.js';
import { temporaryDirectory } from '../support/cluster.js';

const BURNT_MS = 150;
const SLEPT_MS = 400;

/** A thread that works for as long, by its CPU time, and a main thread that only stands still. */
const SCRIPT = `
  import { Worker, isMainThread } from 'node:worker_threads';
  import { readFileSync } from 'node:fs';
  const cpuMs = () => Number.parseInt(readFileSync('/proc/thread-self/schedstat', 'latin1')) / 1e6;
  const burn = () => { const end = cpuMs() + ${BURNT_MS}; while (cpuMs() < end); };
  const sleep = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ${SLEPT_MS});
  if (isMainThread) {
    setTimeout(sleep, 200);
    new Worker(new URL(import.meta.url));
  } else setTimeout(() => { burn(); setTimeout(() => undefined, 50); }, 200);
`;

describe('long turns', function () {
  this.timeout(60_000);

  before(function () {
    if (process.platform !== 'linux') this.skip();
  });

  it('are those that take a thread CPU time, and none in which it waits', async () => {
    const directory = await temporaryDirectory();
    const turns = await LongTurns.open(0);
    try {
      const script = join(directory.path, 'script.mjs');
      await writeFile(script, SCRIPT);
      const { nodeFlags, env } = turns.start;
      await promisify(execFile)(process.execPath, [...nodeFlags, script], {
        env: { ...process.env, ...env },
      });
      const found = turns.take();
      const longest = (thread: string) =>
        Math.max(0, ...found.filter((turn) => turn.thread === thread).map(({ cpuMs }) => cpuMs));
      expect(longest('worker 1')).to.be.within(BURNT_MS - 10, BURNT_MS + 50);
      expect(longest(MAIN_THREAD)).to.be.below(SLEPT_MS / 2);
      expect(turns.take()).to.deep.equal([]);
    } finally {
      await turns.remove();
      await directory.remove();
    }
  });

  it('are not those of threads that have just begun', async () => {
    const turns = await LongTurns.open();
    try {
      const { nodeFlags, env } = turns.start;
      const burn =
        'const end = performance.now() + 500; setTimeout(() => { while (performance.now() < end); }, 20)';
      await promisify(execFile)(process.execPath, [...nodeFlags, '-e', burn], {
        env: { ...process.env, ...env },
      });
      expect(turns.take()).to.deep.equal([]);
    } finally {
      await turns.remove();
    }
  });
});
