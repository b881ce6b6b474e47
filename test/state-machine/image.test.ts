import { expect } from 'chai';
import fc from 'fast-check';
import type { Command } from '../../src/protocol/command.js';
import { ImageError, RestoredImage, type StoreImage } from '../../src/state-machine/image.js';
import type { KeyRecord } from '../../src/state-machine/key-record.js';
import { KeyValueStore } from '../../src/state-machine/key-value-store.js';
import { REMOVALS_BYTES } from '../../src/state-machine/removals.js';
import { bytesOf, payloadOf } from '../support/commands.js';
import { HASH_SECRET } from '../support/hash-secret.js';
import { recordsOf } from '../support/records.js';

const SLICE_BYTES = 64;

/** Before the router's places, when there are no sessions. */
const DEDUPE_AT = 9 + 16 + REMOVALS_BYTES + 41;
/** Before the first record, when the router has no connections either. */
const HEADER_BYTES = DEDUPE_AT + 9;

function apply(store: KeyValueStore, commands: readonly Command[], stampMs = 1): void {
  store.apply(payloadOf(stampMs, commands));
}

function set(key: string, value: string, exptimeS = 0): Command {
  return { type: 'set', key, value: bytesOf(value), exptimeS };
}

function filled(keys: readonly string[]): KeyValueStore {
  const store = new KeyValueStore(HASH_SECRET);
  apply(
    store,
    keys.map((key) => set(key, `value of ${key}`)),
  );
  return store;
}

function contentOf(store: KeyValueStore): Record<string, KeyRecord> {
  return Object.fromEntries(recordsOf(store).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function piecesOf(image: StoreImage): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let piece = image.next(SLICE_BYTES); piece !== undefined; piece = image.next(SLICE_BYTES))
    pieces.push(piece);
  return pieces;
}

function restored(pieces: readonly Uint8Array[]): KeyValueStore {
  const { store, reader } = KeyValueStore.fromImage(HASH_SECRET);
  for (const piece of pieces) reader.push(piece);
  reader.end();
  return store;
}

/** The length of the record at this place of an image. */
function recordBytes(image: Buffer, at: number): number {
  return 32 + image.readUInt32LE(at) + image.readUInt32LE(at + 4);
}

/** What keys hold, without the revisions. */
function plainContentOf(store: KeyValueStore): unknown {
  return recordsOf(store).map(([key, { revision: _, ...record }]) => [key, record]);
}

function copyOf(store: KeyValueStore): KeyValueStore {
  return restored(piecesOf(store.image()));
}

describe('the image of a store', () => {
  it('holds keys, values, versions, deadlines and the clock', () => {
    const store = filled(['a', 'b']);
    apply(store, [set('b', 'second'), set('c\x00\xff', '\r\n\x00\xff', 7)], 5_000);
    const copy = copyOf(store);
    expect(contentOf(copy)).to.deep.equal(contentOf(store));
    expect(copy.clockMs).to.equal(5_000);
    expect(copy.nextDeadlineMs).to.equal(12_000);
  });

  it('is that of an empty store, too', () => {
    expect(copyOf(new KeyValueStore(HASH_SECRET)).size).to.equal(0);
  });

  it('leaves a store that goes on as the original does', () => {
    const store = filled(['a', 'b']);
    apply(store, [set('a', 'x', 3)], 1_000);
    const copy = copyOf(store);
    for (const one of [store, copy]) apply(one, [set('b', 'y')], 4_000);
    expect(contentOf(copy)).to.deep.equal(contentOf(store));
    expect(copy.get('a')).to.equal(undefined);
    expect(copy.get('b')?.version).to.equal(2);
  });

  it('comes in slices of the size that was asked for', () => {
    const store = filled(Array.from({ length: 1_000 }, (_, i) => `key${i}`));
    const longestRecord = 64;
    // The first has the header as well.
    const [, ...pieces] = piecesOf(store.image());
    expect(pieces).not.to.have.length(0);
    for (const piece of pieces) expect(piece.byteLength).to.be.within(1, SLICE_BYTES + longestRecord);
  });

  it('is read from pieces cut anywhere', () => {
    const store = filled(['a', 'bb', 'ccc']);
    const bytes = Buffer.concat(piecesOf(store.image()));
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length)), (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), bytes.length];
        const pieces = at.slice(1).map((end, i) => bytes.subarray(at[i], end));
        expect(contentOf(restored(pieces))).to.deep.equal(contentOf(store));
      }),
    );
  });

  it('shows the moment it was begun at, whatever changes while it is written', () => {
    const key = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
    const change = fc.oneof(
      fc.record({ type: fc.constant('set' as const), key, exptimeS: fc.constantFrom(0, 1) }),
      fc.record({ type: fc.constant('delete' as const), key }),
    );
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 20 }),
        fc.array(fc.oneof(change, fc.constant('slice' as const)), { maxLength: 60 }),
        (before, during) => {
          const store = new KeyValueStore(HASH_SECRET);
          let count = 0;
          const execute = (command: (typeof before)[number]) => {
            count += 1;
            if (command.type === 'delete') apply(store, [command], count * 100);
            else apply(store, [set(command.key, `value ${count}`, command.exptimeS)], count * 100);
          };
          for (const command of before) execute(command);
          const expected = contentOf(store);
          const image = store.image();
          const pieces: Uint8Array[] = [];
          for (const step of during) {
            if (step !== 'slice') execute(step);
            else pieces.push(image.next(1) ?? new Uint8Array(0));
          }
          pieces.push(...piecesOf(image));
          expect(contentOf(restored(pieces))).to.deep.equal(expected);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('does not stop several at once from being written', () => {
    const store = filled(['a', 'b']);
    const first = store.image();
    apply(store, [{ type: 'delete', key: 'a' }]);
    const second = store.image();
    apply(store, [set('b', 'new')]);
    expect(recordsOf(restored(piecesOf(first)))).to.have.length(2);
    expect(recordsOf(restored(piecesOf(second))).map(([key]) => key)).to.deep.equal(['b']);
  });

  it('gives nothing more once it is closed', () => {
    const image = filled(['a', 'b']).image();
    image.next(1);
    image.close();
    expect(image.next(1)).to.equal(undefined);
  });

  it('tells of a key that came and went', () => {
    const store = filled(['a']);
    const before = store.readable(1).removalsOf('a');
    apply(store, [{ type: 'delete', key: 'a' }]);
    expect(store.readable(1).removalsOf('a')).not.to.equal(before);
    expect(copyOf(store).readable(1).removalsOf('a')).to.equal(store.readable(1).removalsOf('a'));
  });

  it('is read in its earlier formats, which have no revisions, the first two no sessions, the first no counts of removals', () => {
    const store = filled(['a', 'b']);
    const bytes = Buffer.concat(piecesOf(store.image()));
    const records: Buffer[] = [];
    let at = HEADER_BYTES;
    for (; bytes.readUInt32LE(at) !== 0xffffffff; at += recordBytes(bytes, at))
      records.push(bytes.subarray(at, at + 24), bytes.subarray(at + 32, at + recordBytes(bytes, at)));
    const rest = [...records, bytes.subarray(at)];
    const clock = bytes.subarray(1, 9);
    const removals = bytes.subarray(25, 25 + REMOVALS_BYTES);
    const sessions = bytes.subarray(25 + REMOVALS_BYTES, DEDUPE_AT);
    const formats = [
      [Buffer.of(1), clock, ...rest],
      [Buffer.of(2), clock, removals, ...rest],
      [Buffer.of(3), clock, removals, sessions, ...rest],
    ];
    for (const parts of formats) {
      const whole = Buffer.concat(parts);
      const oneByOne = Array.from(whole, (byte) => Buffer.of(byte));
      for (const pieces of [[whole], oneByOne]) {
        const former = restored(pieces);
        expect(plainContentOf(former)).to.deep.equal(plainContentOf(store));
        expect(former.lastRevision).to.equal(0);
        expect(former.get('a')?.revision).to.equal(0);
        apply(former, [set('new', '')]);
        expect(former.get('a')?.revision).to.equal(former.lastRevision - 1);
        expect(former.get('new')?.revision).to.equal(former.lastRevision);
      }
    }
  });

  it('is read in the format before, which has no places of the router’s', () => {
    const store = filled(['a', 'b']);
    const bytes = Buffer.concat(piecesOf(store.image()));
    const former = [Buffer.of(4), bytes.subarray(1, DEDUPE_AT), bytes.subarray(HEADER_BYTES)];
    const whole = Buffer.concat(former);
    for (const pieces of [[whole], Array.from(whole, (byte) => Buffer.of(byte))])
      expect(contentOf(restored(pieces))).to.deep.equal(contentOf(store));
  });

  it('holds the revisions, which go on', () => {
    const store = filled(['a', 'b']);
    const copy = copyOf(store);
    expect(copy.lastRevision).to.equal(store.lastRevision);
    expect(copy.get('a')).to.deep.equal(store.get('a'));
    apply(copy, [set('c', '')]);
    expect(copy.get('c')?.revision).to.equal(store.lastRevision + 1);
  });

  it('makes a new cluster that repeats no revision', () => {
    const store = filled(['a', 'b']);
    const image = new RestoredImage();
    const pieces = piecesOf(store.image()).flatMap((piece) => Array.from(piece, (byte) => Buffer.of(byte)));
    const made = restored(pieces.map((piece) => image.push(piece)));
    expect(made.lastRevision).to.equal(0);
    expect(made.get('a')?.revision).to.equal(store.get('a')?.revision);
    apply(made, [set('c', '')]);
    expect(made.get('c')?.revision).to.equal(store.lastRevision + 2 ** 32);
    const later = restored(pieces.map((piece) => image.push(piece)));
    expect(later.lastRevision).to.equal(store.lastRevision);
  });

  describe('is refused', () => {
    const bytes = Buffer.concat(piecesOf(filled(['a', 'b']).image()));

    it('when its end is missing', () => {
      for (let length = 0; length < bytes.length; length += 1)
        expect(() => restored([bytes.subarray(0, length)])).to.throw(ImageError, 'its end is missing');
    });

    it('when something follows its end', () => {
      expect(() => restored([bytes, Buffer.from('x')])).to.throw(ImageError, 'bytes follow its end');
    });

    it('when it is of another format', () => {
      const other = Buffer.from(bytes);
      other[0] = 9;
      for (const length of [1, other.byteLength])
        expect(() => restored([other.subarray(0, length)])).to.throw(
          ImageError,
          'its format is 9, and this program reads formats up to 5',
        );
    });

    it('when a record is missing', () => {
      const first = recordBytes(bytes, HEADER_BYTES);
      const cut = [bytes.subarray(0, HEADER_BYTES), bytes.subarray(HEADER_BYTES + first)];
      expect(() => restored(cut)).to.throw(ImageError, 'it holds 1 records, its end says 2');
    });
  });
});
