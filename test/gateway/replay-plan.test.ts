import { expect } from 'chai';
import { afterUnknown } from '../../src/gateway/replay-plan.js';
import { AT_COMMAND_START } from '../../src/protocol/checkpoint.js';

describe('a stream of the text protocol after writes of unknown outcome', () => {
  for (const place of ['locked', 'unlocked'] as const)
    it(`is ${place} as before`, () => {
      const before = { place, at: { place: 'bad line' } } as const;
      expect(afterUnknown(before, false)).to.deep.equal({ place, at: AT_COMMAND_START });
    });

  it('needs no password where it needed none', () => {
    expect(afterUnknown({ place: 'bad line' }, false)).to.deep.equal(AT_COMMAND_START);
  });
});
