import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { ClassicLevel } from 'classic-level';
import { LevelStorage } from '../../src/storage/level-storage.js';
import { encodeEntry, entryKey, HARD_STATE_KEY } from '../../src/storage/records.js';
import { makeServerDirectory } from '../../src/storage/server-directory.js';
import { StorageError } from '../../src/storage/storage.js';
import { OWNER } from './implementations.js';
import { itIsAStorage } from './storage-suite.js';
import { entries, entry, expectOneLine, persistOf, rejection, useDirectory } from './support.js';

describe('LevelStorage', () => {
  itIsAStorage('level');

  describe('refuses a directory', () => {
    const directory = useDirectory();

    function open({ owner = OWNER, directory: path = directory() } = {}): Promise<LevelStorage> {
      return LevelStorage.open({ directory: path, owner, fsync: false, lockPatienceMs: 0 });
    }

    beforeEach(() => makeServerDirectory(directory()));

    async function writeLog(): Promise<void> {
      const storage = await open();
      await storage.persist([persistOf(entries(1, 5, 2), { currentTerm: 2, votedFor: 0 })]);
      await storage.close();
    }

    /** Changes what is on the disk behind the storage's back. */
    async function damage(
      action: (level: ClassicLevel<Uint8Array, Uint8Array>) => Promise<void>,
    ): Promise<void> {
      const level = new ClassicLevel<Uint8Array, Uint8Array>(join(directory(), 'log'), {
        keyEncoding: 'view',
        valueEncoding: 'view',
      });
      await action(level);
      await level.close();
    }

    const cases: [
      what: string,
      reason: RegExp,
      action: (level: ClassicLevel<Uint8Array, Uint8Array>) => Promise<void>,
    ][] = [
      ['with a gap in the log', /entry 3 is missing/, (level) => level.del(entryKey(3))],
      ['without the first entry', /entry 1 is missing/, (level) => level.del(entryKey(1))],
      [
        'with a truncated entry',
        /8 more bytes were expected/,
        (level) => level.put(entryKey(2), new Uint8Array(3)),
      ],
      [
        'with terms that go back',
        /entry 4 is of an earlier term/,
        (level) => level.put(entryKey(4), encodeEntry(entry(4, 1))),
      ],
      [
        'with a truncated hard state',
        /more bytes were expected/,
        (level) => level.put(HARD_STATE_KEY, new Uint8Array(8)),
      ],
    ];
    for (const [what, reason, action] of cases) {
      it(what, async () => {
        await writeLog();
        await damage(action);
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

    it('whose CURRENT file is garbage', async () => {
      await writeLog();
      await writeFile(join(directory(), 'log', 'CURRENT'), 'garbage\n');
      const error = await rejection(open());
      expect(error).to.be.an.instanceOf(StorageError);
      expectOneLine(error, 'DISK_OPEN_FAILED', /cannot be opened/);
    });

    it('whose log has a damaged record', async () => {
      await writeLog();
      const [name = ''] = (await readdir(join(directory(), 'log'))).filter((one) => one.endsWith('.log'));
      const file = join(directory(), 'log', name);
      const bytes = await readFile(file);
      bytes.writeUInt8(bytes.readUInt8(bytes.byteLength - 1) ^ 1, bytes.byteLength - 1);
      await writeFile(file, bytes);
      expectOneLine(await rejection(open()), 'DISK_CORRUPT', /the checksum of a record is wrong.*rebuild 1/);
    });

    it('that lost its data, for it may have voted', async () => {
      await writeLog();
      await rm(join(directory(), 'log'), { recursive: true });
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
