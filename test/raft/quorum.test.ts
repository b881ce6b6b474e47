import { expect } from 'chai';
import fc from 'fast-check';
import { countVotes, majorityOf, reachedByMajority } from '../../src/raft/quorum.js';

describe('quorum: majorities', () => {
  const numbers = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 9 });
  const ballots = fc.array(fc.constantFrom('yes', 'no', 'absent'), { minLength: 1, maxLength: 9 });

  it('is the smallest number of which two always overlap', () => {
    for (let count = 1; count <= 100; count += 1) {
      const majority = majorityOf(count);
      expect(2 * majority).to.be.greaterThan(count);
      expect(2 * (majority - 1)).to.be.at.most(count);
    }
  });

  it('has reached the largest value that at least a majority is at or above', () => {
    fc.assert(
      fc.property(numbers, (values) => {
        const isReached = (value: number) =>
          values.filter((other) => other >= value).length * 2 > values.length;
        expect(reachedByMajority(values)).to.equal(Math.max(...values.filter(isReached)));
      }),
    );
  });

  it('does not reorder the values it is given', () => {
    const values = [3, 1, 2];
    reachedByMajority(values);
    expect(values).to.deep.equal([3, 1, 2]);
  });

  it('takes servers that were never heard from into account', () => {
    expect(reachedByMajority([7, Number.NEGATIVE_INFINITY, 5])).to.equal(5);
    expect(reachedByMajority([7, Number.NEGATIVE_INFINITY])).to.equal(Number.NEGATIVE_INFINITY);
  });

  it('refuses a majority of nobody', () => {
    expect(() => reachedByMajority([])).to.throw(RangeError);
  });

  it('wins with a majority of yes, loses once that is out of reach, and waits otherwise', () => {
    fc.assert(
      fc.property(ballots, (answers) => {
        const count = answers.length;
        const yes = answers.filter((answer) => answer === 'yes').length;
        const no = answers.filter((answer) => answer === 'no').length;
        const expected = yes * 2 > count ? 'won' : (count - no) * 2 > count ? 'pending' : 'lost';
        const votes = new Map(
          answers.flatMap((answer, id) => (answer === 'absent' ? [] : [[id, answer === 'yes'] as const])),
        );
        expect(countVotes(votes, count)).to.equal(expected);
      }),
    );
  });
});
