import { expect } from 'chai';
import fc from 'fast-check';
import { ByteReader } from '../../src/bytes/byte-reader.js';
import { ByteWriter } from '../../src/bytes/byte-writer.js';
import { MAX_CHECKPOINT_BYTES, MAX_CLIENT_NAME_BYTES } from '../../src/limits.js';
import {
  AT_COMMAND_START,
  AT_RESP_START,
  CheckpointError,
  NOTHING_DROPPED,
  readCheckpoint,
  respCheckpoint,
  type StreamCheckpoint,
  type TextPlace,
  writeCheckpoint,
} from '../../src/protocol/checkpoint.js';

function encoded(at: StreamCheckpoint | undefined): Uint8Array {
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

  it('is a byte where the reader has it', () => {
    expect(encoded(undefined).byteLength).to.equal(1);
    expect(readCheckpoint(new ByteReader(encoded(undefined)))).to.equal(undefined);
  });

  it('stays within its limit', () => {
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
