import fs from 'node:fs';
import { open, readFile, statfs, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { expect } from 'chai';
import type { LogFile } from '../../src/storage/files.js';
import { SECTOR_BYTES } from '../../src/storage/log-frame.js';
import { NODE_FILES } from '../../src/storage/node-files.js';
import { PageMemory } from '../../src/storage/page-memory.js';
import { openFlags, rejection, useDirectory } from '../support/storage.js';

const { O_DIRECT, O_DSYNC, O_RDWR } = fs.constants;
const FILE_BYTES = 16 * SECTOR_BYTES;
/** As statfs(2) tells them. */
const EXT4 = 0xef53;
const XFS = 0x58465342;

describe('a file of the log', () => {
  const directory = useDirectory();
  const path = () => join(directory(), 'file');

  beforeEach(() => writeFile(path(), Buffer.alloc(FILE_BYTES)));

  async function withFile(fsync: boolean, action: (file: LogFile) => Promise<void>): Promise<void> {
    const file = await NODE_FILES.openLog(path(), { fsync });
    try {
      await action(file);
    } finally {
      await file.close();
    }
  }

  /** The flags, of those that matter, of each descriptor of the file. */
  async function syncFlags(): Promise<readonly number[]> {
    return (await openFlags(path())).map((flags) => flags & (O_DSYNC | O_DIRECT));
  }

  /** Whether the file system of the directory is one whose direct writes are known to be synced, and the disk takes ours. */
  async function takesDirectWrites(): Promise<boolean> {
    const { type } = await statfs(path());
    if (type !== EXT4 && type !== XFS) return false;
    const file = await open(path(), O_RDWR | O_DIRECT);
    try {
      return await file.write(sectors(1, 0), 0, SECTOR_BYTES, 0).then(
        () => true,
        () => false,
      );
    } finally {
      await file.close();
    }
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
        expect(await syncFlags()).to.deep.equal([flags]);
      });
    }
  });

  it('takes what the disk wants otherwise through the page cache, synced all the same', async function () {
    if (process.platform !== 'linux') this.skip();
    const bytes = Buffer.from('no sector, and not at the start of a page');
    await withFile(true, async (file) => {
      await file.write(bytes.subarray(1), 3);
      await file.write(sectors(1, 1), SECTOR_BYTES);
      expect(await syncFlags()).to.deep.equal([O_DSYNC]);
    });
    const written = await readFile(path());
    expect(written.toString('latin1', 3, 3 + bytes.byteLength - 1)).to.equal(bytes.toString('latin1', 1));
    expect(written[SECTOR_BYTES]).to.equal(1);
  });

  it('goes on through the page cache once a direct write is refused, whatever was taken before', async function () {
    if (process.platform !== 'linux' || !(await takesDirectWrites())) this.skip();
    const { write } = fs;
    let refusals = 1;
    const refusing = (...args: unknown[]) => {
      const done = args.at(-1);
      refusals -= 1;
      if (refusals < 0) Reflect.apply(write, fs, args);
      else if (typeof done === 'function') done(Object.assign(new Error('refused'), { code: 'EINVAL' }));
    };
    await withFile(true, async (file) => {
      await file.write(sectors(1, 1), 0);
      await withWrite(refusing, () => file.write(sectors(2, 2), SECTOR_BYTES));
      expect(await syncFlags()).to.deep.equal([O_DSYNC]);
      await file.write(sectors(1, 3), 3 * SECTOR_BYTES);
    });
    const expected = Buffer.alloc(FILE_BYTES).fill(1, 0, SECTOR_BYTES);
    expected.fill(2, SECTOR_BYTES, 3 * SECTOR_BYTES).fill(3, 3 * SECTOR_BYTES, 4 * SECTOR_BYTES);
    expect(expected.equals(await readFile(path()))).to.equal(true);
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

describe('a directory', () => {
  const directory = useDirectory();

  it('is made with those above it, and the topmost that was made is told', async () => {
    const path = join(directory(), 'a', 'b', 'c');
    expect(await NODE_FILES.makeDirectory(path)).to.equal(join(directory(), 'a'));
    expect(await NODE_FILES.makeDirectory(path)).to.equal(undefined);
    expect(await NODE_FILES.makeDirectory(join(path, 'd'))).to.equal(join(path, 'd'));
  });

  it('is made once, whoever else makes it at the same time', async () => {
    const path = join(directory(), 'a', 'b');
    await Promise.all(Array.from({ length: 8 }, () => NODE_FILES.makeDirectory(path)));
    expect(await NODE_FILES.list(path)).to.deep.equal([]);
  });

  it('is refused with the reason that the system gives', async () => {
    await writeFile(join(directory(), 'file'), '');
    for (const [path, code] of [
      ['file', 'EEXIST'],
      ['file/below', 'ENOTDIR'],
    ] as const)
      expect(await rejection(NODE_FILES.makeDirectory(join(directory(), path)))).to.have.property(
        'code',
        code,
      );
  });
});

describe('what is made on the disk', () => {
  const directory = useDirectory();

  it('is for its owner alone', async () => {
    const path = (name: string) => join(directory(), name);
    const before = process.umask(0o022);
    try {
      await NODE_FILES.makeDirectory(path('made/below'));
      await (await NODE_FILES.create(path('made/file'))).close();
      await (await NODE_FILES.lock(path('made/lock')))?.release();
    } finally {
      process.umask(before);
    }
    const modes = ['made', 'made/below', 'made/file', 'made/lock'].map(
      (name) => fs.statSync(path(name)).mode,
    );
    expect(modes.map((mode) => (mode & 0o777).toString(8))).to.deep.equal(['700', '700', '600', '600']);
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
