import { expect } from 'chai';
import { commandOf } from '../../../src/protocol/resp/commands.js';
import { estimateRead } from '../../../src/server/clients/work-estimate.js';

describe('the estimate of a read', () => {
  const command = commandOf('mget') ?? expect.fail();
  const keys = (count: number) => Array.from({ length: count }, (_, i) => `${i}`);

  function estimate(count: number): { readonly units: number; readonly lookedUp: number } {
    let lookedUp = 0;
    const units = estimateRead({ type: 'redis-read', command, args: keys(count) }, () => {
      lookedUp += 1;
      return 1_000;
    });
    return { units, lookedUp };
  }

  it('counts the values of MGET', () => {
    expect(estimate(10)).to.deep.equal({ units: 10_000, lookedUp: 10 });
  });

  it('looks up some keys of very many, and takes the others to be like them', () => {
    const { units, lookedUp } = estimate(300_000);
    expect(units).to.be.within(300_000 * 1_000, 300_000 * 2_000);
    expect(lookedUp).to.be.below(1_000);
  });
});
