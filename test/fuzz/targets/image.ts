/** A snapshot of the state: bytes that are none are refused, and what is read can be written and read again. */

import { crc32 } from 'node:zlib';
import { TruncatedBytesError } from '../../../src/bytes/byte-reader.js';
import { ImageError, ImageReader } from '../../../src/state-machine/image.js';
import { ImageItemError } from '../../../src/state-machine/image-items.js';
import { KeyValueStore } from '../../../src/state-machine/key-value-store.js';
import { RECORD_HEADER_BYTES } from '../../../src/state-machine/record-layout.js';
import { SnapshotCheck, SnapshotError } from '../../../src/storage/snapshot-format.js';
import { bytesOf, payloadOf } from '../../support/commands.js';
import { HASH_SECRET } from '../../support/hash-secret.js';
import { isOneOf, piecesOf, promise, type Target, textOf, unlessRefused } from '../target.js';

const STAMP_MS = 1_700_000_000_000;
const SLICE_BYTES = 4_096;
/** A store takes some twenty times as long to make as an image to read: it is made of one in this many inputs. */
const STORED_OF = 16;

export const image: Target = {
  name: 'image',
  seeds: [imageOf(new KeyValueStore(HASH_SECRET)), imageOf(sample())],
  words: [],
  maxBytes: 8_192,
  run(input) {
    const outline = outlineOf([input]);
    const cutOutline = outlineOf(piecesOf(input));
    promise(cutOutline === outline, () => `read in pieces it is ${cutOutline}, not ${outline}`);
    if (!isOneOf(STORED_OF, input)) return;
    const whole = restored([input]);
    const wholeImage = whole && imageOf(whole);
    const cut = restored(piecesOf(input));
    const cutImage = cut && imageOf(cut);
    const isSame = wholeImage === undefined ? cut === undefined : cutImage?.equals(wholeImage) === true;
    promise(isSame, () => 'restored in pieces it is something else');
    if (whole === undefined || wholeImage === undefined) return;
    promise(outline !== undefined, () => 'it was restored, and cannot be read');
    const again = restored([wholeImage]);
    promise(again?.size === whole.size, () => `${whole.size} keys were read, and ${again?.size} again`);
  },
};

/** What its reader tells of an image; undefined if that refuses it. */
export function outlineOf(pieces: readonly Uint8Array[]): string | undefined {
  const told: unknown[] = [];
  const tell = (what: unknown) => told.push(what);
  const reader = new ImageReader({
    clock: tell,
    revisions: tell,
    removals: () => undefined,
    sessions: {
      restore: tell,
      add: ({ id, ttlMs, lastUsedMs, done, kept, notKept }) =>
        tell({ id, ttlMs, lastUsedMs, done, kept, notKept }),
    },
    dedupe: {
      restoreStart: tell,
      restoreRow: (...row) => tell(row),
      restoreChunk: (oldest, content) => tell([oldest, Uint8Array.from(content)]),
    },
    record: ({ memory: { bytes }, start, keyLength, valueLength }) =>
      tell(bytes.toString('latin1', start, start + RECORD_HEADER_BYTES + keyLength + valueLength)),
  });
  return unlessRefused(
    () => {
      for (const piece of pieces) reader.push(piece);
      reader.end();
      return textOf(told);
    },
    ImageError,
    ImageItemError,
    TruncatedBytesError,
  );
}

export const snapshot: Target = {
  name: 'snapshot',
  seeds: [snapshotOf(Buffer.from('an image')), snapshotOf(Buffer.alloc(0))],
  words: [],
  maxBytes: 1_024,
  run(input) {
    const pieces: Uint8Array[] = [];
    const check = new SnapshotCheck((piece) => pieces.push(Uint8Array.from(piece)));
    const isWhole = unlessRefused(() => {
      for (const piece of piecesOf(input)) check.push(piece);
      check.end();
      return true;
    }, SnapshotError);
    const byteCount = pieces.reduce((sum, { byteLength }) => sum + byteLength, 0);
    promise(byteCount <= input.byteLength, () => `${byteCount} bytes came out of ${input.byteLength}`);
    promise(isWhole !== true || input.byteLength > 4, () => 'nothing is a snapshot');
  },
};

/** As on disk: it begins with a word, and ends with the checksum of all before. */
function snapshotOf(image: Uint8Array): Buffer {
  const content = Buffer.concat([Buffer.from('TRSNAP01'), image]);
  const trailer = Buffer.alloc(4);
  trailer.writeUInt32LE(crc32(content));
  return Buffer.concat([content, trailer]);
}

function sample(): KeyValueStore {
  const store = new KeyValueStore(HASH_SECRET);
  const value = bytesOf('a value');
  const sets = ['a', 'key', '\xff\x00', 'k'.repeat(250)].map((key, exptimeS) => ({
    type: 'set' as const,
    key,
    value,
    exptimeS,
  }));
  store.apply(payloadOf(STAMP_MS, [...sets, { type: 'delete', key: 'a' }]));
  return store;
}

function imageOf(store: KeyValueStore): Buffer {
  const source = store.image();
  const slices: Buffer[] = [];
  for (let slice = source.next(SLICE_BYTES); slice !== undefined; slice = source.next(SLICE_BYTES))
    slices.push(Buffer.from(slice));
  source.close();
  return Buffer.concat(slices);
}

function restored(pieces: readonly Uint8Array[]): KeyValueStore | undefined {
  const { store, reader } = KeyValueStore.fromImage(HASH_SECRET);
  return unlessRefused(
    () => {
      for (const piece of pieces) reader.push(piece);
      reader.end();
      return store;
    },
    ImageError,
    ImageItemError,
    TruncatedBytesError,
  );
}
