import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import type { LogPosition, PersistRequest, SnapshotMeta } from '../../src/raft/types.js';
import { KeyValueStore } from '../../src/state-machine/key-value-store.js';
import { SnapshotCheck, SnapshotError, SnapshotSource } from '../../src/storage/snapshot-format.js';
import type { SnapshotPosition, SnapshotSink, Storage } from '../../src/storage/storage.js';
import { payloadOf } from '../support/commands.js';
import { HASH_SECRET } from '../support/hash-secret.js';
import { openStorage } from '../support/open-storage.js';
import { configurationOf } from '../support/raft/members.js';
import { recordsOf } from '../support/records.js';
import { entries, expectOneLine, persistOf, readable, rejection, useDirectory } from '../support/storage.js';

const CHUNK_BYTES = 50;

/** A snapshot with this key and no other. */
function snapshotOf(key: string): Uint8Array {
  const store = new KeyValueStore(HASH_SECRET);
  store.apply(payloadOf(1, [{ type: 'set', key, value: new Uint8Array(500), exptimeS: 0 }]));
  const source = new SnapshotSource(store.image());
  const pieces: Uint8Array[] = [];
  for (let piece = source.next(100); piece !== undefined; piece = source.next(100)) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function keysIn(storage: Storage): Promise<string[]> {
  const { store, reader } = KeyValueStore.fromImage(HASH_SECRET);
  for await (const piece of storage.snapshotImage()) reader.push(piece);
  reader.end();
  return recordsOf(store).map(([key]) => key);
}

async function written(storage: Storage, bytes: Uint8Array): Promise<SnapshotSink> {
  const sink = await storage.createSnapshot();
  for (let at = 0; at < bytes.byteLength; at += CHUNK_BYTES)
    await sink.write(bytes.subarray(at, at + CHUNK_BYTES));
  return sink;
}

async function commit(
  storage: Storage,
  bytes: Uint8Array,
  position: SnapshotPosition,
  logStart: LogPosition = position,
): Promise<SnapshotMeta | undefined> {
  return (await written(storage, bytes)).commit(position, logStart);
}

/** What a leader sends of a snapshot, as persist requests. */
function chunksOf(data: Uint8Array, position: SnapshotPosition, { keepsLog = false } = {}): PersistRequest[] {
  const snapshot = { ...position, byteLength: data.byteLength };
  const requests: PersistRequest[] = [];
  for (let offset = 0; offset < data.byteLength; offset += CHUNK_BYTES) {
    const chunk = data.subarray(offset, offset + CHUNK_BYTES);
    const last = offset + chunk.byteLength === data.byteLength;
    const snapshotChunk = { snapshot, offset, data: chunk, last, keepsLog };
    requests.push({ sequence: 1, hardState: undefined, entries: [], snapshotChunk });
  }
  return requests;
}

describe('snapshots on the disk', () => {
  const directory = useDirectory();
  let storage: Storage;

  async function open(): Promise<Storage> {
    storage = await openStorage(directory(), { fsync: true });
    return storage;
  }

  async function reopen(): Promise<Storage> {
    await storage.close();
    return open();
  }

  function files(): Promise<string[]> {
    return readdir(join(directory(), 'snapshots'));
  }

  beforeEach(open);
  afterEach(() => storage.close());

  for (const fsync of [true, false]) {
    it(`change nothing when they are complete once the storage is closed, with fsync ${fsync}`, async () => {
      await storage.close();
      storage = await openStorage(directory(), { fsync });
      await storage.persist([persistOf(entries(1, 5, 1))]);
      const sink = await written(storage, snapshotOf('late'));
      await storage.close();
      const position = { index: 5, term: 1 };
      expect(await sink.commit(position, position)).to.equal(undefined);
      await open();
      expect(storage.recovered.snapshot).to.equal(undefined);
      expect(await files()).to.deep.equal([]);
    });
  }

  it('have the configuration with them that was in force there, be they its own or received', async () => {
    const own = configurationOf('0 1 2 | | 3');
    const received = configurationOf('0 1 2 3 | 0 1 2');
    const position = { index: 3, term: 1, configuration: own };
    await storage.persist([persistOf(entries(1, 5, 1))]);
    await commit(storage, snapshotOf('own'), position, { index: 3, term: 1 });
    await reopen();
    expect(storage.recovered.snapshot?.configuration).to.deep.equal(own);
    await storage.persist(chunksOf(snapshotOf('received'), { index: 9, term: 1, configuration: received }));
    await reopen();
    expect(storage.recovered.snapshot?.configuration).to.deep.equal(received);
  });

  it('are there after the storage was opened again, and the log before them is not', async () => {
    const data = snapshotOf('a');
    await storage.persist([persistOf(entries(1, 10, 1), { currentTerm: 1, votedFor: 0 })]);
    const meta = await commit(storage, data, { index: 8, term: 1 }, { index: 5, term: 1 });
    expect(meta).to.deep.equal({ index: 8, term: 1, byteLength: data.byteLength });
    const { recovered } = await reopen();
    expect(recovered).to.deep.include({ snapshot: meta, logStart: { index: 5, term: 1 } });
    expect(readable(recovered.entries)).to.deep.equal(readable(entries(6, 10, 1)));
    expect(await keysIn(storage)).to.deep.equal(['a']);
  });

  it('count only once they are committed', async () => {
    await storage.persist([persistOf(entries(1, 3, 1))]);
    await written(storage, snapshotOf('a'));
    const { recovered } = await reopen();
    expect(recovered.snapshot).to.equal(undefined);
    expect(recovered.entries).to.have.length(3);
    expect(await files()).to.deep.equal([]);
  });

  it('leave the log after them such that it can be written on', async () => {
    await storage.persist([persistOf(entries(1, 3, 1))]);
    await commit(storage, snapshotOf('a'), { index: 3, term: 1 });
    await storage.persist([persistOf(entries(4, 6, 2))]);
    await storage.persist([persistOf(entries(5, 5, 3))]);
    const { recovered } = await reopen();
    const expected = [...entries(4, 4, 2), ...entries(5, 5, 3)];
    expect(readable(recovered.entries)).to.deep.equal(readable(expected));
  });

  it('are not replaced by an older one that is finished late', async () => {
    await storage.persist([persistOf(entries(1, 9, 1))]);
    await commit(storage, snapshotOf('new'), { index: 9, term: 1 });
    expect(await commit(storage, snapshotOf('old'), { index: 5, term: 1 })).to.equal(undefined);
    expect((await reopen()).recovered.snapshot?.index).to.equal(9);
    expect(await keysIn(storage)).to.deep.equal(['new']);
  });

  it('leave the log’s start where a snapshot from elsewhere has moved it', async () => {
    await storage.persist([persistOf(entries(1, 30, 1))]);
    const own = await written(storage, snapshotOf('own'));
    await storage.persist(chunksOf(snapshotOf('theirs'), { index: 20, term: 1 }, { keepsLog: true }));
    await own.commit({ index: 25, term: 1 }, { index: 3, term: 1 });
    const { recovered } = await reopen();
    expect(recovered.logStart).to.deep.equal({ index: 20, term: 1 });
    expect(readable(recovered.entries)).to.deep.equal(readable(entries(21, 30, 1)));
  });

  it('can be read from anywhere, and so can the one before the newest', async () => {
    const [first, second, third] = [snapshotOf('first'), snapshotOf('second'), snapshotOf('third')];
    await storage.persist([persistOf(entries(1, 9, 1))]);
    await commit(storage, first, { index: 1, term: 1 });
    await commit(storage, second, { index: 2, term: 1 });
    expect(await storage.readSnapshot({ index: 1, term: 1 }, 20, 30)).to.deep.equal(
      Uint8Array.from(first.subarray(20, 50)),
    );
    await commit(storage, third, { index: 3, term: 1 });
    expect(await storage.readSnapshot({ index: 1, term: 1 }, 0, 10)).to.equal(undefined);
    expect(await storage.readSnapshot({ index: 2, term: 2 }, 0, 10)).to.equal(undefined);
    expect(await storage.readSnapshot({ index: 2, term: 1 }, second.byteLength - 3, 100)).to.have.length(3);
    expect(await storage.readSnapshot({ index: 3, term: 1 }, 0, 10)).to.deep.equal(
      Uint8Array.from(third.subarray(0, 10)),
    );
    expect(await files()).to.have.members(['2-1.snapshot', '3-1.snapshot']);
  });

  describe('that come from another server', () => {
    it('take the place of the log', async () => {
      const data = snapshotOf('theirs');
      await storage.persist([persistOf(entries(1, 9, 1))]);
      await storage.persist(chunksOf(data, { index: 5, term: 2 }));
      const { recovered } = await reopen();
      expect(recovered.snapshot).to.deep.equal({ index: 5, term: 2, byteLength: data.byteLength });
      expect(recovered).to.deep.include({ logStart: { index: 5, term: 2 }, entries: [] });
      expect(await keysIn(storage)).to.deep.equal(['theirs']);
    });

    it('leave the entries after them where those agree', async () => {
      await storage.persist([persistOf(entries(1, 9, 1))]);
      await storage.persist(chunksOf(snapshotOf('theirs'), { index: 5, term: 1 }, { keepsLog: true }));
      expect(readable((await reopen()).recovered.entries)).to.deep.equal(readable(entries(6, 9, 1)));
    });

    it('may come in any number of calls, with entries before and after', async () => {
      const requests = chunksOf(snapshotOf('theirs'), { index: 5, term: 1 });
      await storage.persist([persistOf(entries(1, 2, 1)), ...requests.slice(0, 3)]);
      for (const request of requests.slice(3)) await storage.persist([request]);
      await storage.persist([persistOf(entries(6, 7, 1))]);
      const { recovered } = await reopen();
      expect(recovered.snapshot?.index).to.equal(5);
      expect(readable(recovered.entries)).to.deep.equal(readable(entries(6, 7, 1)));
    });

    it('begin anew with their first bytes', async () => {
      await storage.persist(chunksOf(snapshotOf('half'), { index: 4, term: 1 }).slice(0, 3));
      await storage.persist(chunksOf(snapshotOf('whole'), { index: 5, term: 1 }));
      expect(await keysIn(storage)).to.deep.equal(['whole']);
    });

    it('are refused when they were changed on the way', async () => {
      const data = Uint8Array.from(snapshotOf('theirs'));
      data[100] = 1;
      const error = await rejection(storage.persist(chunksOf(data, { index: 5, term: 1 })));
      expectOneLine(error, 'DISK_WRITE_FAILED', /its checksum is wrong/);
      expect((await reopen()).recovered.snapshot).to.equal(undefined);
    });
  });

  it('make their files go that nothing refers to', async () => {
    await storage.persist([persistOf(entries(1, 9, 1))]);
    await commit(storage, snapshotOf('a'), { index: 1, term: 1 });
    await commit(storage, snapshotOf('b'), { index: 2, term: 1 });
    await storage.persist(chunksOf(snapshotOf('half'), { index: 12, term: 1 }).slice(0, 3));
    await written(storage, snapshotOf('unfinished'));
    await reopen();
    expect(await files()).to.deep.equal(['2-1.snapshot']);
  });

  describe('are refused at the start', () => {
    async function damage(action: (path: string) => Promise<void>): Promise<unknown> {
      await storage.persist([persistOf(entries(1, 1, 1))]);
      await commit(storage, snapshotOf('a'), { index: 1, term: 1 });
      await storage.close();
      await action(join(directory(), 'snapshots', '1-1.snapshot'));
      const error = await rejection(open().then(keysIn));
      return error;
    }

    it('when the file is missing', async () => {
      expectOneLine(await damage(rm), 'DISK_CORRUPT', /1-1\.snapshot is missing/);
    });

    it('when it has another length', async () => {
      const error = await damage((path) => writeFile(path, 'short'));
      expectOneLine(error, 'DISK_CORRUPT', /has 5 bytes, not \d+/);
    });

    it('when a byte of it has changed', async () => {
      const error = await damage(async (path) => {
        const bytes = await readFile(path);
        bytes.writeUInt8(bytes.readUInt8(200) ^ 1, 200);
        await writeFile(path, bytes);
      });
      expectOneLine(error, 'DISK_CORRUPT', /its checksum is wrong/);
    });
  });
});

describe('the format of a snapshot', () => {
  const bytes = snapshotOf('a');

  function check(pieces: readonly Uint8Array[]): Uint8Array {
    const image: Uint8Array[] = [];
    const checker = new SnapshotCheck((piece) => image.push(Uint8Array.from(piece)));
    for (const piece of pieces) checker.push(piece);
    checker.end();
    return Buffer.concat(image);
  }

  it('gives back the image, however it is cut', () => {
    const image = check([bytes]);
    for (let cut = 0; cut <= bytes.byteLength; cut += 1)
      expect(check([bytes.subarray(0, cut), bytes.subarray(cut)])).to.deep.equal(image);
    expect(check(Array.from(bytes, (_, at) => bytes.subarray(at, at + 1)))).to.deep.equal(image);
  });

  it('does not miss a byte that is changed or lacks', () => {
    for (let at = 0; at < bytes.byteLength; at += 1) {
      const changed = Uint8Array.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 0x10;
      expect(() => check([changed]), `changed at ${at}`).to.throw(SnapshotError);
      expect(() => check([bytes.subarray(0, at)]), `cut at ${at}`).to.throw(SnapshotError);
    }
  });
});
