import { expect } from 'chai';
import { Work } from '../../src/state-machine/work.js';

describe('Work', () => {
  it('is spent once the allowed units are used up, hidden ones counted', () => {
    const work = new Work();
    expect(work.isSpent).to.equal(false);
    work.allow(1_000);
    work.units += 600;
    expect(work.isSpent).to.equal(false);
    work.addHidden(400);
    expect(work.isSpent).to.equal(true);
    work.allow(10);
    expect(work.isSpent).to.equal(false);
  });

  it('is spent once the allowed time is over, however few units were counted, and stays so', () => {
    let nowMs = 5;
    const work = new Work(() => nowMs);
    work.allow(5_000_000, 8);
    work.units += 600_000;
    expect(work.isSpent).to.equal(false);
    nowMs = 13;
    work.units += 600_000;
    expect(work.isSpent).to.equal(true);
    nowMs = 6;
    expect(work.isSpent).to.equal(true);
    work.allow(5_000_000, 8);
    expect(work.isSpent).to.equal(false);
  });
});
