import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { expect } from 'chai';
import type { Entry } from '../../src/raft/types.js';
import { DiskStorage } from '../../src/storage/disk-storage.js';
import { frameBytes, writeFrame } from '../../src/storage/log-frame.js';
import { NODE_FILES } from '../../src/storage/node-files.js';
import { makeServerDirectory } from '../../src/storage/server-directory.js';
import { StorageError } from '../../src/storage/storage.js';
import { entries, expectOneLine, OWNER, persistOf, rejection, useDirectory } from '../support/storage.js';
import { itIsAStorage } from './storage-suite.js';

const SEGMENT_BYTES = 1024 * 1024;
const HARD_STATE = { currentTerm: 2, votedFor: 0 };
const PLACE = { logNumber: crc32(`${OWNER.clusterId} ${OWNER.serverId}`), segmentBytes: SEGMENT_BYTES };

describe('DiskStorage', () => {
  itIsAStorage('disk');

  describe('refuses a directory', () => {
    const directory = useDirectory();

    function open({ owner = OWNER, directory: path = directory() } = {}): Promise<DiskStorage> {
      return DiskStorage.open({ files: NODE_FILES, directory: path, owner, fsync: false, lockPatienceMs: 0 });
    }

    beforeEach(() => makeServerDirectory(directory()));

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
          /bring back a copy of it, or stop the cluster and run "threadraft rebuild 1"/,
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
      expectOneLine(await rejection(open()), 'DISK_OPEN_FAILED', /cannot be opened \(ENOTDIR|EEXIST/);
    });

    it('whose CURRENT file is garbage', async () => {
      await writeLog();
      await writeFile(join(directory(), 'state', 'CURRENT'), 'garbage\n');
      const error = await rejection(open());
      expect(error).to.be.an.instanceOf(StorageError);
      expectOneLine(error, 'DISK_OPEN_FAILED', /cannot be opened/);
    });

    it('whose database has a damaged record', async () => {
      await writeLog();
      const [name = ''] = (await readdir(join(directory(), 'state'))).filter((one) => one.endsWith('.log'));
      const file = join(directory(), 'state', name);
      const bytes = await readFile(file);
      bytes.writeUInt8(bytes.readUInt8(bytes.byteLength - 1) ^ 1, bytes.byteLength - 1);
      await writeFile(file, bytes);
      expectOneLine(await rejection(open()), 'DISK_CORRUPT', /the checksum of a record is wrong.*rebuild 1/);
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
        /00000001\.segment is damaged at byte 512: a checksum is wrong.*rebuild 1/,
      );
    });

    it('that lost its data, for it may have voted', async () => {
      await writeLog();
      await rm(join(directory(), 'state'), { recursive: true });
      const error = await rejection(open());
      expectOneLine(error, 'DISK_MISSING', /has lost its data: .* "threadraft rebuild 1"/);
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
      expectOneLine(error, 'DISK_OPEN_FAILED', /check that it is a writable directory/);
    });
  });
});
