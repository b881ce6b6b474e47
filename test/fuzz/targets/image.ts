/** A snapshot of the state: bytes that are none are refused, and what is read can be written and read again. */

import { crc32 } from 'node:zlib';
import { TruncatedBytesError } from '../../../src/bytes/byte-reader.js';
import { ImageError } from '../../../src/state-machine/image.js';
import { ImageItemError } from '../../../src/state-machine/image-items.js';
import { KeyValueStore } from '../../../src/state-machine/key-value-store.js';
import { SnapshotCheck, SnapshotError } from '../../../src/storage/snapshot-format.js';
import { bytesOf, payloadOf } from '../../support/commands.js';
import { HASH_SECRET } from '../../support/hash-secret.js';
import { piecesOf, promise, type Target, unlessRefused } from '../target.js';

const STAMP_MS = 1_700_000_000_000;
const SLICE_BYTES = 4_096;
/** A store takes longer to make than most images take: of this many inputs one is read in pieces, too. */
const CUT_OF = 4;

export const image: Target = {
  name: 'image',
  seeds: [imageOf(new KeyValueStore(HASH_SECRET)), imageOf(sample())],
  words: [],
  maxBytes: 8_192,
  run(input) {
    const whole = restored([input]);
    const wholeImage = whole && imageOf(whole);
    if (input.byteLength % CUT_OF === 0) {
      const cut = restored(piecesOf(input));
      const cutImage = cut && imageOf(cut);
      const isSame = wholeImage === undefined ? cut === undefined : cutImage?.equals(wholeImage) === true;
      promise(isSame, () => 'read in pieces it is something else');
    }
    if (whole === undefined || wholeImage === undefined) return;
    const again = restored([wholeImage]);
    promise(again?.size === whole.size, () => `${whole.size} keys were read, and ${again?.size} again`);
  },
};

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
