import { expect } from 'chai';
import fc from 'fast-check';
import { HeldBytes } from '../../src/gateway/held-bytes.js';
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
