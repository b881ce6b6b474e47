import fs from 'node:fs';
import { open, readFile, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { expect } from 'chai';
import { LogFile, PageMemory } from '../../src/storage/log-file.js';
import { SECTOR_BYTES } from '../../src/storage/log-frame.js';
import { openFlags, rejection, useDirectory } from './support.js';

const { O_DIRECT, O_DSYNC, O_RDWR } = fs.constants;
const FILE_BYTES = 16 * SECTOR_BYTES;

describe('a file of the log', () => {
  const directory = useDirectory();
  const path = () => join(directory(), 'file');

  beforeEach(() => writeFile(path(), Buffer.alloc(FILE_BYTES)));

  async function withFile(fsync: boolean, action: (file: LogFile) => Promise<void>): Promise<void> {
    const file = await LogFile.open(path(), { fsync });
    try {
      await action(file);
    } finally {
      await file.close();
    }
  }

  /** Whether there are direct writes in the directory at all. */
  async function takesDirectWrites(): Promise<boolean> {
    const file = await open(path(), O_RDWR | O_DIRECT).catch(() => undefined);
    await file?.close();
    return file !== undefined;
  }

  async function withWrite(write: (...args: unknown[]) => void, action: () => Promise<void>): Promise<void> {
    const original = fs.write;
    Object.defineProperty(fs, 'write', { value: write });
    syncBuiltinESMExports();
    try {
      await action();
    } finally {
      Object.defineProperty(fs, 'write', { value: original });
      syncBuiltinESMExports();
    }
  }

  function sectors(count: number, value: number): Buffer {
    return new PageMemory().take(count * SECTOR_BYTES).fill(value);
  }

  it('is written where it is told, beside what is there', async () => {
    for (const fsync of [true, false]) {
      await withFile(fsync, async (file) => {
        await file.write(sectors(1, 1), 0);
        await file.write(sectors(3, 2), SECTOR_BYTES);
      });
      const expected = Buffer.alloc(FILE_BYTES);
      expected.fill(1, 0, SECTOR_BYTES).fill(2, SECTOR_BYTES, 4 * SECTOR_BYTES);
      expect(expected.equals(await readFile(path()))).to.equal(true);
    }
  });

  it('is synced with each write, by the kernel where that can be, past its page cache where that can be', async function () {
    if (process.platform !== 'linux') this.skip();
    const direct = (await takesDirectWrites()) ? O_DIRECT : 0;
    for (const [fsync, flags] of [
      [true, O_DSYNC | direct],
      [false, 0],
    ] as const) {
      await withFile(fsync, async (file) => {
        await file.write(sectors(1, 1), 0);
        expect((await openFlags(path())) & (O_DSYNC | O_DIRECT)).to.equal(flags);
      });
    }
  });

  it('takes what the disk wants otherwise through the page cache, synced all the same', async function () {
    if (process.platform !== 'linux') this.skip();
    const bytes = Buffer.from('no sector, and not at the start of a page');
    await withFile(true, async (file) => {
      await file.write(bytes.subarray(1), 3);
      await file.write(sectors(1, 1), SECTOR_BYTES);
      expect((await openFlags(path())) & O_DSYNC).to.equal(O_DSYNC);
    });
    const written = await readFile(path());
    expect(written.toString('latin1', 3, 3 + bytes.byteLength - 1)).to.equal(bytes.toString('latin1', 1));
    expect(written[SECTOR_BYTES]).to.equal(1);
  });

  it('says what else went wrong, and does not try again', async () => {
    let calls = 0;
    const failing = (...args: unknown[]) => {
      calls += 1;
      const done = args.at(-1);
      if (typeof done === 'function') done(Object.assign(new Error('i/o error'), { code: 'EIO' }));
    };
    await withFile(true, (file) =>
      withWrite(failing, async () => {
        expect(await rejection(file.write(sectors(1, 1), 0))).to.have.property('code', 'EIO');
      }),
    );
    expect(calls).to.equal(1);
  });

  it('says so when less was written', async () => {
    const short = (...args: unknown[]) => {
      const done = args.at(-1);
      if (typeof done === 'function') done(null, 1);
    };
    await withFile(true, (file) =>
      withWrite(short, async () => {
        expect(await rejection(file.write(sectors(1, 1), 0))).to.have.property(
          'message',
          'only 1 of 512 bytes were written',
        );
      }),
    );
  });
});

describe('the memory for it', () => {
  it('grows to what is asked for', () => {
    const memory = new PageMemory();
    for (const byteLength of [0, 512, 300_000, 5_000_000, 512]) {
      expect(memory.take(byteLength).byteLength).to.equal(byteLength);
    }
  });

  it('is any where there is no address space for that of WebAssembly', () => {
    const { Memory } = WebAssembly;
    WebAssembly.Memory = class {
      readonly buffer = new ArrayBuffer(0);
      constructor() {
        throw new RangeError('could not allocate memory');
      }
    };
    try {
      expect(new PageMemory().take(300_000).byteLength).to.equal(300_000);
    } finally {
      WebAssembly.Memory = Memory;
    }
  });
});
