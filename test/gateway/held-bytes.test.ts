import { expect } from 'chai';
import fc from 'fast-check';
import { HeldBytes } from '../../src/gateway/held-bytes.js';

describe('held bytes', () => {
  it('are what was appended less what was discarded, at any offset', () => {
    const change = fc.oneof(
      fc.record({ append: fc.uint8Array({ maxLength: 2_000 }) }),
      fc.record({ discardPart: fc.double({ min: 0, max: 1, noNaN: true }) }),
    );
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
        const held = new HeldBytes();
        let model: number[] = [];
        for (const step of changes) {
          if ('append' in step) {
            held.append(step.append);
            model.push(...step.append);
          } else {
            const byteCount = Math.floor(step.discardPart * model.length);
            held.discard(byteCount);
            model = model.slice(byteCount);
          }
          expect(held.length).to.equal(model.length);
          expect([...held.view(0, held.length)]).to.deep.equal(model);
          const middle = Math.floor(held.length / 2);
          expect([...held.view(middle, held.length)]).to.deep.equal(model.slice(middle));
        }
      }),
    );
  });
});
