import { expect } from 'chai';
import { FaultError } from '../../src/cluster/cluster-errors.js';
import { LinkFaults } from '../../src/cluster/faults.js';
import { NO_FAULT } from '../../src/wire/control.js';

const isServer = (id: number) => [0, 1, 2].includes(id);

/** The links of three servers that lose every message, as `from>to`. */
function cutLinks(faults: LinkFaults): string[] {
  const ids = [0, 1, 2];
  const links = ids.flatMap((from) => ids.map((to) => ({ from, to })));
  return links
    .filter(({ from, to }) => faults.of(from, to).dropRate === 1)
    .map(({ from, to }) => `${from}>${to}`);
}

describe('link faults', () => {
  it('cut both directions between the groups of a partition', () => {
    const faults = new LinkFaults(isServer);
    faults.partition([[0], [1, 2]]);
    expect(cutLinks(faults)).to.deep.equal(['0>1', '0>2', '1>0', '2>0']);
  });

  it('keep servers together that are in no group', () => {
    const faults = new LinkFaults(isServer);
    faults.partition([[1]]);
    expect(cutLinks(faults)).to.deep.equal(['0>1', '1>0', '1>2', '2>1']);
  });

  it('replace an earlier partition, and leave single links as they are', () => {
    const faults = new LinkFaults(isServer);
    faults.setLink({ from: 1, to: 2, delayMs: [5, 20] });
    faults.partition([[0], [1, 2]]);
    faults.partition([[0, 1, 2]]);
    expect(cutLinks(faults)).to.deep.equal([]);
    expect(faults.of(1, 2)).to.deep.equal({ dropRate: 0, delayMs: [5, 20] });
    expect(faults.of(2, 1)).to.deep.equal(NO_FAULT);
  });

  it('are all gone once healed', () => {
    const faults = new LinkFaults(isServer);
    faults.partition([[0]]);
    faults.setLink({ from: 1, to: 2, dropRate: 0.5 });
    faults.heal();
    expect(cutLinks(faults)).to.deep.equal([]);
    expect(faults.of(1, 2)).to.deep.equal(NO_FAULT);
  });

  for (const [what, groups] of [
    ['an unknown server', [[3]]],
    ['half a server', [[0.5]]],
    ['a server in two groups', [[0], [0, 1]]],
    ['a server twice in a group', [[1, 1]]],
  ] as const) {
    it(`refuse a partition with ${what}, and stay as they were`, () => {
      const faults = new LinkFaults(isServer);
      faults.partition([[2]]);
      const before = cutLinks(faults);
      expect(() => faults.partition(groups)).to.throw(FaultError);
      expect(cutLinks(faults)).to.deep.equal(before);
    });
  }

  for (const [what, link] of [
    ['from a server to itself', { from: 0, to: 0 }],
    ['to an unknown server', { from: 0, to: 3 }],
    ['that loses more than everything', { from: 0, to: 1, dropRate: 1.1 }],
    ['that loses NaN', { from: 0, to: 1, dropRate: Number.NaN }],
    ['with a range the wrong way round', { from: 0, to: 1, delayMs: [2, 1] }],
    ['that is early', { from: 0, to: 1, delayMs: [-1, 1] }],
    ['that is late without end', { from: 0, to: 1, delayMs: [0, Number.POSITIVE_INFINITY] }],
  ] as const) {
    it(`refuse a link ${what}`, () => {
      expect(() => new LinkFaults(isServer).setLink(link)).to.throw(FaultError);
    });
  }
});
