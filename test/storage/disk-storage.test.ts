import { execFile } from 'node:child_process';
import { on } from 'node:events';
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { crc32 } from 'node:zlib';
import { expect } from 'chai';
import type { Entry, RecoveredState } from '../../src/raft/types.js';
import { DiskStorage } from '../../src/storage/disk-storage.js';
import { frameBytes, writeFrame } from '../../src/storage/log-frame.js';
import { FORMAT_VERSION } from '../../src/storage/manifest.js';
import { NODE_FILES } from '../../src/storage/node-files.js';
import { makeServerDirectory } from '../../src/storage/server-manifest.js';
import { StorageError } from '../../src/storage/storage.js';
import { openStorage } from '../support/open-storage.js';
import { entries, expectOneLine, OWNER, persistOf, rejection, useDirectory } from '../support/storage.js';
import type { FullDiskReport, WriterTask } from './fixtures/protocol.js';
import { itIsAStorage } from './storage-suite.js';

const ROUNDS = 10;
const SEGMENT_BYTES = 1024 * 1024;
const HARD_STATE = { currentTerm: 2, votedFor: 0 };
const PLACE = { logNumber: crc32(`${OWNER.clusterId} ${OWNER.serverId}`), segmentBytes: SEGMENT_BYTES };

describe('DiskStorage', () => {
  describe('on the real disk', () => {
    const directory = useDirectory();

    async function recover(): Promise<RecoveredState> {
      const storage = await openStorage(directory(), { fsync: false });
      await storage.close();
      return storage.recovered;
    }

    itIsAStorage(() => openStorage(directory(), { fsync: false }));

    it('keeps everything that was persisted when its thread is terminated in the midst of writing', async () => {
      const persistedIndex = new Int32Array(new SharedArrayBuffer(4));
      const task: WriterTask = { directory: directory(), persistedIndex };
      for (let round = 1; round <= ROUNDS; round += 1) {
        const goal = Atomics.load(persistedIndex, 0) + 3 * round;
        const worker = new Worker(new URL('./fixtures/writer.js', import.meta.url), { workerData: task });
        await untilAtLeast(goal, worker);
        await worker.terminate();
        const promised = Atomics.load(persistedIndex, 0);
        const recovered = await recover();
        expect(recovered.entries.length, `entries after round ${round}`).to.be.at.least(promised);
        expect(recovered.entries.every(({ payload }) => payload.byteLength === 2000)).to.equal(true);
        expect(recovered.hardState).to.deep.equal({ currentTerm: 1, votedFor: 2 });
        Atomics.store(persistedIndex, 0, recovered.entries.length);
      }
    });

    it('writes nothing more once a write failed, and still has what it had', async function () {
      if (process.platform === 'win32') this.skip();
      const fixture = fileURLToPath(new URL('./fixtures/full-disk.js', import.meta.url));
      const script = 'ulimit -f 400 && exec "$@"';
      const command = ['-c', script, 'sh', process.execPath, fixture, directory()];
      const { stdout } = await promisify(execFile)('sh', command);
      const report: FullDiskReport = JSON.parse(stdout);
      expect(report.persistedIndex, 'entries written before the disk was full').to.be.above(0);
      expect(report.code).to.equal('DISK_WRITE_FAILED');
      expect(report.message)
        .to.match(/cannot be written \(.+\): check the disk/)
        .and.not.match(/\n/);
      expect(report.nextCode).to.equal('DISK_WRITE_FAILED');
      expect((await recover()).entries).to.have.length.at.least(report.persistedIndex);
    });
  });

  describe('refuses a directory', () => {
    const directory = useDirectory();

    function open({ owner = OWNER, directory: path = directory() } = {}): Promise<DiskStorage> {
      return DiskStorage.open({ files: NODE_FILES, directory: path, owner, fsync: false });
    }

    beforeEach(() => makeServerDirectory(NODE_FILES, directory(), OWNER));

    async function writeLog(): Promise<void> {
      const storage = await open();
      await storage.persist([persistOf(entries(1, 5, 2), { currentTerm: 2, votedFor: 0 })]);
      await storage.close();
    }

    /** What the log would look like had these frames been written to it. */
    async function replaceLog(...frames: (readonly Entry[])[]): Promise<void> {
      const segment = Buffer.alloc(SEGMENT_BYTES);
      let at = 0;
      for (const [sequence, frame] of frames.entries()) {
        const content = { sequence: sequence + 1, hardState: HARD_STATE, entries: frame };
        writeFrame(segment.subarray(at), content, PLACE);
        at += frameBytes(frame);
      }
      await writeFile(join(directory(), 'log', '00000001.segment'), segment);
    }

    const cases: [what: string, reason: RegExp, ...frames: (readonly Entry[])[]][] = [
      ['with a gap in the log', /entry 3 is missing/, entries(1, 2, 1), entries(4, 5, 1)],
      ['with a gap in a frame', /entry 3 is missing/, [...entries(1, 2, 1), ...entries(4, 5, 1)]],
      ['without the first entry', /entry 1 is missing/, entries(2, 5, 1)],
      ['with terms that go back', /entry 4 is of an earlier term/, entries(1, 3, 2), entries(4, 5, 1)],
    ];
    for (const [what, reason, ...frames] of cases) {
      it(what, async () => {
        await writeLog();
        await replaceLog(...frames);
        const error = await rejection(open());
        expect(error).to.be.an.instanceOf(StorageError);
        expectOneLine(error, 'DISK_CORRUPT', reason);
        expectOneLine(
          await rejection(open()),
          'DISK_CORRUPT',
          /bring back a copy of it, or .*"threadraft rebuild"/,
        );
      });
    }

    it('whose log has lost a segment', async () => {
      await writeLog();
      await rm(join(directory(), 'log', '00000001.segment'));
      expectOneLine(await rejection(open()), 'DISK_CORRUPT', /00000001\.segment is missing/);
    });

    it('whose log cannot be read', async () => {
      await writeLog();
      await rm(join(directory(), 'log'), { recursive: true });
      await writeFile(join(directory(), 'log'), '');
      expectOneLine(
        await rejection(open()),
        'DISK_OPEN_FAILED',
        /cannot be opened \((ENOTDIR|EEXIST).*a file is where a directory belongs/,
      );
    });

    it('whose manifest has a bit changed, wherever that is', async () => {
      await writeLog();
      const file = join(directory(), 'manifest');
      const whole = await readFile(file);
      for (let at = 0; at < whole.byteLength; at += 1) {
        const damaged = Buffer.from(whole);
        damaged.writeUInt8(damaged.readUInt8(at) ^ 1, at);
        await writeFile(file, damaged);
        expectOneLine(
          await rejection(open()),
          'DISK_CORRUPT',
          /manifest is damaged: .*bring back a copy of it, or .*"threadraft rebuild"/,
        );
      }
    });

    it('whose manifest was cut', async () => {
      await writeLog();
      const file = join(directory(), 'manifest');
      const whole = await readFile(file);
      for (let end = 0; end < whole.byteLength; end += 1) {
        await writeFile(file, whole.subarray(0, end));
        expectOneLine(await rejection(open()), 'DISK_CORRUPT', /manifest is damaged: .*rebuild/);
      }
    });

    for (const [what, json] of [
      ['is no JSON', ''],
      ['has a number that none of its fields can have', '{ "clusterId": "a cluster", "serverId": 1e999 }'],
    ] as const)
      it(`whose manifest ${what}, although its checksum is right`, async () => {
        await writeLog();
        const checksum = crc32(`${FORMAT_VERSION}\n${json}`).toString(16).padStart(8, '0');
        await writeFile(join(directory(), 'manifest'), `threadraft ${FORMAT_VERSION} ${checksum}\n${json}`);
        expectOneLine(await rejection(open()), 'DISK_CORRUPT', /manifest is damaged: .*rebuild/);
      });

    it('of another format, and says how its data gets into this one', async () => {
      await writeLog();
      const json = '{"what": "is to come"}';
      const checksum = crc32(`${FORMAT_VERSION + 1}\n${json}`)
        .toString(16)
        .padStart(8, '0');
      await writeFile(join(directory(), 'manifest'), `threadraft ${FORMAT_VERSION + 1} ${checksum}\n${json}`);
      expectOneLine(
        await rejection(open()),
        'DISK_FORMAT',
        /has format 5, and this version of threadraft reads formats 3 to 4: start it with the version that made it/,
      );
    });

    it('but not of format 3, whose snapshots have no configuration', async () => {
      await writeLog();
      const path = join(directory(), 'manifest');
      const [, ...json] = (await readFile(path, 'utf8')).split('\n');
      const checksum = crc32(`3\n${json.join('\n')}`)
        .toString(16)
        .padStart(8, '0');
      await writeFile(path, `threadraft 3 ${checksum}\n${json.join('\n')}`);
      const storage = await open();
      expect(storage.recovered.entries).to.have.length.above(0);
      await storage.close();
      expect(await readFile(path, 'utf8')).to.match(/^threadraft 4 /);
    });

    it('of format 2, which had LevelDB for a manifest', async () => {
      await writeLog();
      await rm(join(directory(), 'manifest'));
      await mkdir(join(directory(), 'state'));
      expectOneLine(await rejection(open()), 'DISK_FORMAT', /has format 2, .*"threadraft restore" with this/);
    });

    it('that may not be read', async function () {
      if (process.getuid?.() === 0) this.skip();
      await writeLog();
      await chmod(directory(), 0);
      const error = await rejection(open());
      await chmod(directory(), 0o700);
      expectOneLine(error, 'DISK_OPEN_FAILED', /\(EACCES.*\): permission is missing: let the user/);
    });

    for (const [code, told, advice] of [
      ['EROFS', 'DISK_OPEN_FAILED', /the file system is read-only: make it writable/],
      ['EACCES', 'DISK_OPEN_FAILED', /permission is missing: let the user who runs this read and write it/],
      ['ENOSPC', 'DISK_SHORTAGE', /the disk is full: make room on it/],
      ['EDQUOT', 'DISK_SHORTAGE', /the disk is full: make room on it/],
      ['EMFILE', 'DISK_SHORTAGE', /too many files are open: raise the limit/],
      ['ENFILE', 'DISK_SHORTAGE', /too many files are open: raise the limit/],
      ['ENOMEM', 'DISK_SHORTAGE', /the machine is out of memory: free some/],
      ['EAGAIN', 'DISK_SHORTAGE', /the machine is out of threads or memory: stop what needs them/],
      ['EIO', 'DISK_OPEN_FAILED', /check the disk/],
    ] as const)
      it(`that the operating system refuses with ${code}, and says what to do about that`, async () => {
        const refuse = () =>
          Promise.reject(Object.assign(new Error(`${code}: no`), { code, syscall: 'mkdir' }));
        const files = { ...NODE_FILES, makeDirectory: refuse };
        const error = await rejection(
          DiskStorage.open({ files, directory: directory(), owner: OWNER, fsync: true }),
        );
        expectOneLine(error, told, advice);
      });

    it('whose log has a damaged entry, be it the last', async () => {
      await writeLog();
      const file = join(directory(), 'log', '00000001.segment');
      const bytes = await readFile(file);
      bytes.writeUInt8(bytes.readUInt8(600) ^ 1, 600);
      await writeFile(file, bytes);
      expectOneLine(
        await rejection(open()),
        'DISK_CORRUPT',
        /00000001\.segment is damaged at byte 512: a checksum is wrong.*rebuild/,
      );
    });

    it('that lost its data, for it may have voted', async () => {
      await writeLog();
      await rm(join(directory(), 'manifest'));
      const error = await rejection(open());
      expectOneLine(error, 'DISK_MISSING', /has lost its data: .* "threadraft rebuild"/);
    });

    it('that is not there', async () => {
      const error = await rejection(open({ directory: join(directory(), 'missing') }));
      expectOneLine(error, 'DISK_MISSING', /has lost its data/);
    });

    it('of another server', async () => {
      await writeLog();
      const error = await rejection(open({ owner: { ...OWNER, serverId: 2 } }));
      expectOneLine(error, 'DISK_FOREIGN', /belongs to server 1 of this cluster/);
    });

    it('of another cluster', async () => {
      await writeLog();
      const error = await rejection(open({ owner: { ...OWNER, clusterId: 'mine' } }));
      expectOneLine(error, 'DISK_FOREIGN', /belongs to server 1 of another cluster/);
    });

    it('that is a file', async () => {
      const file = join(directory(), 'file');
      await writeFile(file, 'x');
      const error = await rejection(open({ directory: file }));
      expect(error).to.be.an.instanceOf(StorageError);
      expectOneLine(error, 'DISK_OPEN_FAILED', /a file is where a directory belongs/);
    });
  });
});

/** Waits until the thread says that it has come that far; rejects when it fails. */
async function untilAtLeast(goal: number, worker: Worker): Promise<void> {
  for await (const [index] of on(worker, 'message')) {
    if (index >= goal) return;
  }
}
