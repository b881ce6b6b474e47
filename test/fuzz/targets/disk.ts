/** What lies on the disk: damage is told in one line, and never taken for something else that was written. */

import { basename } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Entry, HardState } from '../../../src/raft/types.js';
import { RestoredImage } from '../../../src/state-machine/image.js';
import { BackupError, restoreBackup } from '../../../src/storage/backup.js';
import { DiskStorage } from '../../../src/storage/disk-storage.js';
import { DamagedLogError, LogRecovery } from '../../../src/storage/log-recovery.js';
import { DamagedManifestError, FORMAT_VERSION, MANIFEST_NAME } from '../../../src/storage/manifest.js';
import { makeServerDirectory, ServerManifest } from '../../../src/storage/server-manifest.js';
import { StorageError } from '../../../src/storage/storage.js';
import { entries, OWNER, persistOf } from '../../support/storage.js';
import { MemoryFiles } from '../memory-files.js';
import { isOneOf, isSame, piecesOf, promise, type Target, textOf, unlessRefused } from '../target.js';
import { outlineOf } from './image.js';

const DIRECTORY = '/server';
const BACKUP_PATH = '/a.backup';
const SEGMENT_BYTES = 4_096;
const SECTOR_BYTES = 512;
/** Opening a directory takes some thirty times as long as reading its log: it is done to one in this many inputs. */
const OPENED_OF = 32;
/** Making the directory of a cluster takes as long as to read hundreds of backups: it is done of one in this many inputs. */
const RESTORED_OF = 64;
/** One change of a byte: which segment (u8), where (u16), and to what (u8). */
const PATCH_BYTES = 4;
const MAGIC = Buffer.from('TRSNAP01');
/** The image of a store with one key and no deadline, in the first format. */
const IMAGE = Buffer.from(
  'AQBAdVlUInpCBQAAAAYAAAAAAAAAAAAIQAAAAAAAAAAAcGxhaW5oZWxsbzL/////AAAAAAAA8D8=',
  'base64',
);

export const manifest: Target = {
  name: 'manifest',
  seeds: [await manifestOf(await newDirectory()), await manifestOf((await writtenDirectory()).files)],
  words: [
    ...[
      '"clusterId":',
      '"serverId":',
      '"logStart":',
      '"snapshot":',
      '"index":',
      '"configuration":',
      '"voters":',
    ],
    ...['1e999', 'null', '{}', '[]', '-1', '"__proto__":'],
  ],
  maxBytes: 4_096,
  async run(input) {
    const files = new MemoryFiles();
    await files.makeDirectory(DIRECTORY);
    // With a wrong checksum there is not much to see.
    const text = Buffer.from(input).toString();
    const json = text.slice(text.indexOf('\n') + 1);
    const checksum = crc32(`${FORMAT_VERSION}\n${json}`).toString(16).padStart(8, '0');
    files.put(
      `${DIRECTORY}/${MANIFEST_NAME}`,
      Buffer.from(`threadraft ${FORMAT_VERSION} ${checksum}\n${json}`),
    );
    const found = await unlessRejected(ServerManifest.open(files, DIRECTORY), DamagedManifestError);
    if (found === undefined) return;
    await found.update({}, { fsync: false });
    const again = await ServerManifest.open(files, DIRECTORY);
    const isSame =
      textOf(again?.state) === textOf(found.state) && textOf(again?.owner) === textOf(found.owner);
    promise(isSame, () => `${textOf(found)} is read again as ${textOf(again)}`);
  },
};

const WRITTEN = await writtenDirectory();

export const log: Target = {
  name: 'log',
  seeds: [
    Buffer.from([0, 0, 0, 1]),
    Buffer.from([1, 0x02, 0x00, 0]),
    Buffer.from([0, 0, 40, 0xff, 1, 1, 0, 0]),
  ],
  words: [],
  maxBytes: 64,
  async run(input) {
    const changed = new Map<string, Buffer>();
    for (let at = 0; at + PATCH_BYTES <= input.byteLength; at += PATCH_BYTES) {
      const [segment = 0, high = 0, low = 0, byte = 0] = input.subarray(at);
      const [path = '', written = Buffer.alloc(0)] =
        WRITTEN.segments[segment % WRITTEN.segments.length] ?? [];
      const bytes = changed.get(path) ?? Buffer.from(written);
      changed.set(path, bytes);
      const place = (high * 256 + low) % bytes.byteLength;
      bytes[place] = byte;
      // What a crash leaves of a write: sectors of zeros.
      const sector = place - (place % SECTOR_BYTES);
      if (byte === 0 && segment > 127) bytes.fill(0, sector, sector + SECTOR_BYTES);
    }
    const read = unlessRefused(() => recovered(changed), DamagedLogError);
    if (read !== undefined) promiseWritten(read);
    if (!isOneOf(OPENED_OF, input)) return;
    const files = WRITTEN.files.copy();
    for (const [path, bytes] of changed) files.put(path, bytes);
    const storage = await unlessRejected(open(files), StorageError);
    promise(
      (storage === undefined) === (read === undefined),
      () => `opened: ${storage}, read: ${textOf(read)}`,
    );
    if (storage === undefined) return;
    promiseWritten(storage.recovered);
    await storage.close();
  },
};

interface Recovered {
  readonly hardState: HardState;
  readonly entries: readonly Entry[];
}

/** What is read of the log with these segments in place of the written ones. */
function recovered(changed: ReadonlyMap<string, Buffer>): Recovered {
  const { logNumber, logStart, segments } = WRITTEN;
  const recovery = new LogRecovery({ logNumber, logStart, firstSequence: logStart.first.sequence });
  for (const [place, [path, bytes]] of segments.entries())
    recovery.push(logStart.first.number + place, changed.get(path) ?? bytes, {
      name: basename(path),
      isNewest: place === segments.length - 1,
    });
  return { entries: recovery.end({ reaches: 0 }), hardState: recovery.hardState };
}

/** Throws unless all of it was written so. */
function promiseWritten({ entries: found, hardState }: Recovered): void {
  for (const entry of found) {
    const original = WRITTEN.entries.get(entry.index);
    const changed = () => `entry ${entry.index} was ${textOf(original)}, and is ${textOf(entry)}`;
    promise(isSame(entry, original), changed);
  }
  promise(WRITTEN.hardStates.has(textOf(hardState)), () => `nobody wrote ${textOf(hardState)}`);
}

export const backup: Target = {
  name: 'backup',
  seeds: [IMAGE],
  words: [],
  maxBytes: 2_048,
  async run(input) {
    const whole = ofNewCluster([input]);
    promise(whole.equals(ofNewCluster(piecesOf(input))), () => 'restored in pieces it is something else');
    const isImage = outlineOf([input]) !== undefined;
    promise((outlineOf([whole]) !== undefined) === isImage, () => 'it is an image before or after, not both');
    if (!isOneOf(RESTORED_OF, input)) return;
    const files = new MemoryFiles();
    const content = Buffer.concat([MAGIC, input]);
    const trailer = Buffer.alloc(4);
    trailer.writeUInt32LE(crc32(content));
    files.put(BACKUP_PATH, Buffer.concat([content, trailer]));
    const options = { files, environment: { random: () => 0 }, servers: 1 };
    const facts = await unlessRejected(restoreBackup(BACKUP_PATH, ['/data'], options), BackupError);
    promise((facts !== undefined) === isImage, () => `an image: ${isImage}, restored: ${textOf(facts)}`);
    if (facts !== undefined) return;
    const left = (await files.list('/')).filter((name) => name !== basename(BACKUP_PATH));
    promise(left.length === 0, () => `a backup was refused, and left ${left.join(', ')}`);
  },
};

/** The image of a new cluster that is made of a backup's. */
function ofNewCluster(pieces: readonly Uint8Array[]): Buffer {
  const image = new RestoredImage();
  return Buffer.concat(pieces.map((piece) => Uint8Array.from(image.push(piece))));
}

/** A directory whose server has written to several segments, and what it wrote. */
async function writtenDirectory() {
  const files = await newDirectory();
  const storage = await open(files);
  const log = entries(1, 40, 1).map((entry) => ({
    ...entry,
    payload: Buffer.alloc(20 * entry.index, `${entry.index} `),
  }));
  const hardStates = new Set([textOf({ currentTerm: 0, votedFor: undefined })]);
  for (const [place, entry] of log.entries()) {
    const hardState = { currentTerm: 1 + (place >> 3), votedFor: place % 2 === 0 ? 1 : undefined };
    hardStates.add(textOf(hardState));
    await storage.persist([{ ...persistOf([entry], hardState), sequence: place + 1 }]);
  }
  await storage.close();
  const state = (await ServerManifest.open(files, DIRECTORY))?.state;
  promise(state !== undefined, () => 'there is no manifest');
  const { logStart } = state;
  const segments: (readonly [path: string, bytes: Buffer])[] = [];
  for (const name of await files.list(`${DIRECTORY}/log`)) {
    const path = `${DIRECTORY}/log/${name}`;
    segments.push([path, await files.read(path)]);
  }
  const written = new Map(log.map((entry) => [entry.index, entry]));
  const logNumber = crc32(`${OWNER.clusterId} ${OWNER.serverId}`);
  return { files, logNumber, logStart, segments, entries: written, hardStates };
}

async function newDirectory(): Promise<MemoryFiles> {
  const files = new MemoryFiles();
  await makeServerDirectory(files, DIRECTORY, OWNER);
  return files;
}

function open(files: MemoryFiles): Promise<DiskStorage> {
  return DiskStorage.open({
    files,
    directory: DIRECTORY,
    owner: OWNER,
    fsync: false,
    segmentBytes: SEGMENT_BYTES,
  });
}

function manifestOf(files: MemoryFiles): Promise<Buffer> {
  return files.read(`${DIRECTORY}/${MANIFEST_NAME}`);
}

/** What the promise resolves to; undefined when it rejects with an error of this kind. Any other error goes on. */
async function unlessRejected<T>(
  value: Promise<T>,
  kind: abstract new (...args: never) => Error,
): Promise<T | undefined> {
  try {
    return await value;
  } catch (error) {
    if (!(error instanceof kind)) throw error;
    promise(!/[\r\n]/.test(error.message), () => `more than a line: ${error.message}`);
    return undefined;
  }
}
