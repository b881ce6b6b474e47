import { expect } from 'chai';
import fc from 'fast-check';
import {
  countVotes,
  majorityOf,
  type Quorum,
  reachedByQuorum,
  type VoteResult,
} from '../../src/raft/quorum.js';

const MAX_ID = 9;

describe('quorum: majorities', () => {
  const ids = fc.uniqueArray(fc.nat(MAX_ID), { maxLength: 7 });
  const someIds = fc.uniqueArray(fc.nat(MAX_ID), { minLength: 1, maxLength: 7 });
  const quorums: fc.Arbitrary<Quorum> = fc.record({ voters: someIds, outgoing: ids });
  /** By id. */
  const values = fc.array(fc.integer({ min: -1, max: 9 }), { minLength: MAX_ID + 1, maxLength: MAX_ID + 1 });
  const ballots = fc.array(fc.constantFrom('yes', 'no', 'absent'), {
    minLength: MAX_ID + 1,
    maxLength: MAX_ID + 1,
  });

  it('is the smallest number of which two always overlap', () => {
    for (let count = 1; count <= 100; count += 1) {
      const majority = majorityOf(count);
      expect(2 * majority).to.be.greaterThan(count);
      expect(2 * (majority - 1)).to.be.at.most(count);
    }
  });

  it('have any two in common that decide, of one configuration and of the joint one that it leads to', () => {
    fc.assert(
      fc.property(
        quorums,
        fc.boolean(),
        fc.array(fc.boolean(), { minLength: 20, maxLength: 20 }),
        (quorum, isOld, picks) => {
          const half = isOld && quorum.outgoing.length > 0 ? quorum.outgoing : quorum.voters;
          const one = new Set(picks.slice(0, 10).flatMap((isIn, id) => (isIn ? [id] : [])));
          const other = new Set(picks.slice(10).flatMap((isIn, id) => (isIn ? [id] : [])));
          if (!decides(one, quorum) || !decides(other, { voters: half, outgoing: [] })) return;
          expect([...one].some((id) => other.has(id))).to.equal(true);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('have reached the largest value that those who decide are at or above', () => {
    fc.assert(
      fc.property(quorums, values, (quorum, reached) => {
        const reachedBy = (id: number) => reached[id] ?? 0;
        const isReached = (value: number) =>
          decides(new Set(reached.flatMap((other, id) => (other >= value ? [id] : []))), quorum);
        expect(reachedByQuorum(quorum, reachedBy)).to.equal(Math.max(...reached.filter(isReached)));
      }),
      { numRuns: 1_000 },
    );
  });

  it('take voters into account that were never heard from', () => {
    const reachedBy = (...reached: readonly number[]) =>
      reachedByQuorum({ voters: [...reached.keys()], outgoing: [] }, (id) => reached[id] ?? 0);
    expect(reachedBy(7, Number.NEGATIVE_INFINITY, 5)).to.equal(5);
    expect(reachedBy(7, Number.NEGATIVE_INFINITY)).to.equal(Number.NEGATIVE_INFINITY);
  });

  it('are refused of nobody', () => {
    expect(() => reachedByQuorum({ voters: [], outgoing: [] }, () => 1)).to.throw(RangeError);
    expect(countVotes({ voters: [], outgoing: [] }, new Map([[1, true]]))).to.equal('lost');
  });

  it('win with enough yes, lose once that is out of reach, and wait otherwise, whoever else has voted', () => {
    fc.assert(
      fc.property(quorums, ballots, (quorum, answers) => {
        const votes = new Map(
          answers.flatMap((answer, id) => (answer === 'absent' ? [] : [[id, answer === 'yes'] as const])),
        );
        expect(countVotes(quorum, votes)).to.equal(outcomeOf(quorum, answers));
      }),
      { numRuns: 1_000 },
    );
  });
});

/** The definition: more than half of the voters, and of the outgoing ones where there are any. */
function decides(agreeing: ReadonlySet<number>, { voters, outgoing }: Quorum): boolean {
  const isMajority = (half: readonly number[]) =>
    half.filter((id) => agreeing.has(id)).length * 2 > half.length;
  return isMajority(voters) && (outgoing.length === 0 || isMajority(outgoing));
}

/** By all ways in which those who have not voted could. */
function outcomeOf(quorum: Quorum, answers: readonly ('yes' | 'no' | 'absent')[]): VoteResult {
  const granting = (...kinds: readonly string[]) =>
    new Set(answers.flatMap((answer, id) => (kinds.includes(answer) ? [id] : [])));
  if (decides(granting('yes'), quorum)) return 'won';
  return decides(granting('yes', 'absent'), quorum) ? 'pending' : 'lost';
}
