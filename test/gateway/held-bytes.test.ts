import { expect } from 'chai';
import fc from 'fast-check';
import { takeLetGoBytes } from '../../src/bytes/mapped-memory.js';
import { HeldBytes } from '../../src/gateway/held-bytes.js';
import { HeldChunks } from '../../src/gateway/held-chunks.js';
import { HELD_CHUNK_BYTES } from '../../src/limits.js';

/** More than a chunk. */
const LARGE = fc
  .integer({ min: 1, max: 3 * HELD_CHUNK_BYTES })
  .map((length) => new Uint8Array(length).fill(length));

describe('held bytes', () => {
  it('are what was appended less what was discarded, at any offset', () => {
    const change = fc.oneof(
      fc.record({ append: fc.oneof(fc.uint8Array({ maxLength: 2_000 }), LARGE) }),
      fc.record({ discardPart: fc.double({ min: 0, max: 1, noNaN: true }) }),
    );
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
        const held = new HeldBytes();
        let model: number[] = [];
        for (const step of changes) {
          if ('append' in step) {
            held.append(step.append);
            model = [...model, ...step.append];
          } else {
            const byteCount = Math.floor(step.discardPart * model.length);
            held.discard(byteCount);
            model = model.slice(byteCount);
          }
          expect(held.length).to.equal(model.length);
          expect(Buffer.from(held.view(0, held.length)).equals(Buffer.from(model))).to.equal(true);
          const middle = Math.floor(held.length / 2);
          expect(
            Buffer.from(held.view(middle, held.length)).equals(Buffer.from(model.slice(middle))),
          ).to.equal(true);
        }
      }),
    );
  });
});

describe('the memory of held bytes', () => {
  const MANY_BYTES = 20 * 1024 * 1024;

  it('is given back once they are discarded, but for one slab', () => {
    const chunks = new HeldChunks();
    const connections = Array.from({ length: 200 }, () => new HeldBytes(chunks));
    const bytes = new Uint8Array(MANY_BYTES / connections.length);
    for (let round = 0; round < 3; round += 1) {
      for (const held of connections) held.append(bytes);
      expect(chunks.slabCount * 1024 * 1024).to.be.within(0.8 * MANY_BYTES, 1.5 * MANY_BYTES);
      for (const held of connections) held.discard(held.length);
      expect(chunks.slabCount).to.equal(1);
      expect(takeLetGoBytes(), 'told to the watch of garbage').to.be.above(0.7 * MANY_BYTES);
    }
  });

  it('is another’s only once no view of them is needed any more', () => {
    const chunks = new HeldChunks();
    const held = new HeldBytes(chunks);
    held.append(new Uint8Array(HELD_CHUNK_BYTES).fill(1));
    const view = held.view(0, HELD_CHUNK_BYTES);
    held.isPinned = true;
    held.discard(HELD_CHUNK_BYTES);
    const other = new HeldBytes(chunks);
    other.append(new Uint8Array(HELD_CHUNK_BYTES).fill(2));
    expect(view[0]).to.equal(1);
    held.isPinned = false;
    other.append(new Uint8Array(HELD_CHUNK_BYTES).fill(3));
    expect(view[0]).to.equal(3);
  });
});
