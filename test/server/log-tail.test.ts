import { expect } from 'chai';
import { LogTail } from '../../src/server/log-tail.js';

describe('where the log begins before a snapshot', () => {
  function tailOf(tailBytes: number, entryBytes: readonly number[]): LogTail {
    const tail = new LogTail(tailBytes);
    for (const [i, bytes] of entryBytes.entries()) tail.add({ index: i + 1, term: 1 }, bytes);
    return tail;
  }

  it('is as far back as the tail is long, or a sixteenth of it less', () => {
    const tail = tailOf(1_600, Array(100).fill(50));
    const { index } = tail.startBefore({ index: 100, term: 1 }, 5_000);
    expect(index).to.be.within(100 - 1_600 / 50, 100 - 1_500 / 50);
  });

  it('does not depend on what is applied while the snapshot is written', () => {
    const tail = tailOf(1_600, Array(100).fill(50));
    const atSnapshot = tail.bytes;
    for (let index = 101; index <= 110; index += 1) tail.add({ index, term: 2 }, 50);
    const { index, term } = tail.startBefore({ index: 100, term: 1 }, atSnapshot);
    expect(index).to.be.within(68, 70);
    expect(term).to.equal(1);
  });

  it('is the snapshot itself where one entry is longer than the tail', () => {
    const tail = tailOf(100, [1_000]);
    expect(tail.startBefore({ index: 1, term: 1 }, 1_000)).to.deep.equal({ index: 1, term: 1 });
    tail.add({ index: 2, term: 1 }, 1_000);
    expect(tail.startBefore({ index: 2, term: 1 }, 2_000)).to.deep.equal({ index: 2, term: 1 });
  });
});
