import { expect } from 'chai';
import type { Timer } from '../../src/environment.js';
import type { FileLock, Files } from '../../src/storage/files.js';
import { NODE_FILES } from '../../src/storage/node-files.js';
import { DiskTimeoutError, TimedFiles } from '../../src/storage/timed-files.js';
import { rejection } from '../support/storage.js';

describe('files of disks that may hang', () => {
  /** The time limits that run. */
  const timers = new Set<() => void>();
  const environment = {
    startTimer(callback: () => void): Timer {
      timers.add(callback);
      return { cancel: () => timers.delete(callback) };
    },
  };

  function timed(files: Partial<Files>): TimedFiles {
    timers.clear();
    return new TimedFiles({ ...NODE_FILES, ...files }, { environment, timeoutMs: 10_000 });
  }

  function runOut(): void {
    for (const callback of timers) callback();
  }

  it('answer as the disk does, and leave no timer behind', async () => {
    const error = new Error('bad disk');
    const files = timed({ size: () => Promise.resolve(7), list: () => Promise.reject(error) });
    expect(await files.size('file')).to.equal(7);
    expect(await rejection(files.list('directory'))).to.equal(error);
    expect(timers.size).to.equal(0);
    expect(files.givenUp).to.equal(0);
  });

  it('give up what takes too long, and tell whether it has ended since', async () => {
    let answer: (size: number) => void = () => undefined;
    const files = timed({ size: () => new Promise((resolve) => (answer = resolve)) });
    const size = rejection(files.size('file'));
    runOut();
    const error = await size;
    expect(error).to.be.an.instanceOf(DiskTimeoutError);
    expect(error).to.deep.include({ code: 'ETIMEDOUT', syscall: 'stat' });
    expect(files.givenUp).to.equal(1);
    answer(7);
    await Promise.resolve();
    expect(files.givenUp).to.equal(0);
  });

  it('wait for no call more once one was given up, if all are for one thing', async () => {
    const limitsMs: number[] = [];
    const never = () => new Promise<never>(() => {});
    const files = new TimedFiles(
      { ...NODE_FILES, size: never, removeTree: never },
      {
        environment: {
          startTimer(callback, delayMs) {
            limitsMs.push(delayMs);
            queueMicrotask(callback);
            return { cancel: () => undefined };
          },
        },
        timeoutMs: 10_000,
        isForOneThing: true,
      },
    );
    await rejection(files.size('file'));
    expect(await rejection(files.removeTree('directory'))).to.be.an.instanceOf(DiskTimeoutError);
    expect(limitsMs).to.deep.equal([10_000, 0]);
  });

  it('keep no lock that comes when nobody waits for it', async () => {
    let grant: (lock: FileLock) => void = () => undefined;
    const files = timed({ lock: () => new Promise((resolve) => (grant = resolve)) });
    const lock = rejection(files.lock('lock'));
    runOut();
    await lock;
    const released = new Promise<void>((resolve) =>
      grant({
        release() {
          resolve();
          return Promise.resolve();
        },
      }),
    );
    await released;
  });
});
