import { expect } from 'chai';
import fc from 'fast-check';
import { ByteReader } from '../../src/bytes/byte-reader.js';
import { ByteWriter } from '../../src/bytes/byte-writer.js';
import { MAX_CHECKPOINT_BYTES, MAX_CLIENT_NAME_BYTES } from '../../src/limits.js';
import {
  AT_COMMAND_START,
  AT_RESP_START,
  type CheckpointUpdate,
  NOTHING_DROPPED,
  respCheckpoint,
  SAME_SUBSCRIPTIONS,
  type StreamCheckpoint,
  type TextPlace,
  updated,
} from '../../src/protocol/checkpoint.js';
import { CheckpointError, readCheckpoint, writeCheckpoint } from '../../src/protocol/checkpoint-bytes.js';
import { Subscriptions } from '../../src/protocol/resp/subscriptions.js';
import { MAX_SUBSCRIPTION_BYTES, SUBSCRIPTION_OVERHEAD_BYTES } from '../../src/subscription-limits.js';

function encoded(at: CheckpointUpdate | undefined): Uint8Array {
  const batch = new ByteWriter();
  writeCheckpoint(batch, at);
  return batch.take();
}

describe('a checkpoint', () => {
  const resp = fc.record({
    version: fc.constantFrom(2 as const, 3 as const),
    transaction: fc.constantFrom('none' as const, 'open' as const, 'broken' as const),
    hasWatched: fc.boolean(),
    name: fc.string({ unit: 'binary-ascii', maxLength: 20 }),
    libName: fc.string({ unit: 'binary-ascii', maxLength: 20 }),
    libVersion: fc.string({ unit: 'binary-ascii', maxLength: 20 }),
    replies: fc.constantFrom('on' as const, 'off' as const, 'skip' as const),
    isMonitor: fc.boolean(),
    isReadOnly: fc.boolean(),
    access: fc.constantFrom('free' as const, 'locked' as const, 'unlocked' as const),
    dropped: fc.oneof(
      fc.constant(NOTHING_DROPPED),
      fc.record({ bytes: fc.integer({ min: 1, max: 2 ** 30 }), args: fc.nat(2 ** 20) }),
    ),
  });
  const names = fc.array(fc.string({ unit: 'binary-ascii', maxLength: 20 }), { maxLength: 3 });
  const subscribed = fc.record({
    version: fc.constantFrom(2 as const, 3 as const),
    isMonitor: fc.boolean(),
    subscriptions: fc
      .tuple(names, names)
      .map(([channels, patterns]) => new Subscriptions(['one', ...channels], patterns)),
    toldTo: fc.nat(Number.MAX_SAFE_INTEGER),
  });
  const text = fc.oneof(
    fc.constant<TextPlace>({ place: 'command' }),
    fc.constant<TextPlace>({ place: 'bad line' }),
    fc.nat(Number.MAX_SAFE_INTEGER).map((byteCount): TextPlace => ({ place: 'bad value', byteCount })),
  );
  const any = fc.oneof(
    text,
    text.map((at): StreamCheckpoint => ({ place: 'locked', at })),
    text.map((at): StreamCheckpoint => ({ place: 'unlocked', at })),
    resp.map((state): StreamCheckpoint => respCheckpoint(state)),
    subscribed.map((state): StreamCheckpoint => respCheckpoint(state)),
  );

  it('is read as it was written, and nothing more', () => {
    fc.assert(
      fc.property(any, (at) => {
        const reader = new ByteReader(encoded(at));
        expect(readCheckpoint(reader)).to.deep.equal(at);
        expect(reader.remaining).to.equal(0);
      }),
    );
  });

  it('is a byte and a shared object where there is nothing special', () => {
    for (const plain of [AT_COMMAND_START, AT_RESP_START, respCheckpoint({ version: 3 })]) {
      expect(encoded(plain).byteLength).to.equal(1);
      expect(readCheckpoint(new ByteReader(encoded(plain)))).to.equal(plain);
    }
    expect(respCheckpoint({})).to.equal(AT_RESP_START);
    expect(respCheckpoint({ version: 3 })).to.equal(respCheckpoint({ version: 3 }));
  });

  it('has no place up to which nobody was told', () => {
    const toldTo = encoded(respCheckpoint({ subscriptions: new Subscriptions(['a'], []), toldTo: 7 }));
    // The same without its subscriptions: what is left is the version, and the place at the end.
    const bytes = Uint8Array.from([...toldTo.subarray(0, 3), ...toldTo.subarray(-10)]);
    expect(readCheckpoint(new ByteReader(toldTo))).to.have.property('toldTo', 7);
    expect(readCheckpoint(new ByteReader(bytes))).to.equal(AT_RESP_START);
  });

  it('is a byte where the reader has it', () => {
    expect(encoded(undefined).byteLength).to.equal(1);
    expect(readCheckpoint(new ByteReader(encoded(undefined)))).to.equal(undefined);
  });

  it('is a few bytes where all but how far a subscriber was told is known, and leaves out what it is subscribed to', () => {
    const subscriptions = new Subscriptions(['a'.repeat(100)], ['b*']);
    const last = respCheckpoint({ subscriptions, toldTo: 7 });
    const told = { place: 'told', toldTo: 9 } as const;
    expect(encoded(told).byteLength).to.equal(9);
    expect(readCheckpoint(new ByteReader(encoded(told)))).to.deep.equal(told);
    expect(updated(last, told)).to.deep.equal({ ...last, toldTo: 9 });
    const later = respCheckpoint({ subscriptions: SAME_SUBSCRIPTIONS, toldTo: 11, isMonitor: true });
    expect(encoded(later).byteLength).to.be.lessThan(20);
    const read = readCheckpoint(new ByteReader(encoded(later)));
    expect(read === undefined ? undefined : updated(last, read)).to.deep.equal({ ...later, subscriptions });
    expect(updated(last, AT_RESP_START)).to.equal(AT_RESP_START);
  });

  it('stays within its limit', () => {
    const count = Math.floor(MAX_SUBSCRIPTION_BYTES / (SUBSCRIPTION_OVERHEAD_BYTES + 4));
    const short = new Subscriptions(
      Array.from({ length: count }, (_, i) => `${i}`.padStart(4)),
      [],
    );
    const long = new Subscriptions([], ['x'.repeat(MAX_SUBSCRIPTION_BYTES - SUBSCRIPTION_OVERHEAD_BYTES)]);
    for (const subscriptions of [short, long])
      expect(encoded(respCheckpoint({ version: 3, subscriptions, toldTo: 1 })).byteLength).to.be.at.most(
        MAX_CHECKPOINT_BYTES,
      );
    const name = 'n'.repeat(MAX_CLIENT_NAME_BYTES);
    const largest = respCheckpoint({ version: 3, transaction: 'broken', hasWatched: true, name });
    expect(encoded(largest).byteLength).to.be.at.most(MAX_CHECKPOINT_BYTES);
  });

  it('of another version, or with an unknown field, is refused', () => {
    const written = encoded({ place: 'bad line' });
    for (const place of [0, 1]) {
      const altered = Uint8Array.from(written);
      altered[place] = 99;
      expect(() => readCheckpoint(new ByteReader(altered))).to.throw(CheckpointError);
    }
  });
});
