/**
 * Majorities. Knows numbers, nothing of Raft.
 */

/** How many of `count` servers are a majority. */
export function majorityOf(count: number): number {
  return Math.floor(count / 2) + 1;
}

/**
 * The largest value that a majority has reached: at least a majority of `values` are that large or larger.
 * Throws RangeError for no values.
 */
export function reachedByMajority(values: readonly number[]): number {
  const descending = [...values].sort((a, b) => b - a);
  const reached = descending[majorityOf(values.length) - 1];
  if (reached === undefined) throw new RangeError('a majority of nobody');
  return reached;
}

/** What a count of votes has come to. */
export type VoteResult = 'won' | 'lost' | 'pending';

/** Counts votes among `voterCount` voters, of whom those in `votes` have answered. */
export function countVotes(votes: ReadonlyMap<number, boolean>, voterCount: number): VoteResult {
  const needed = majorityOf(voterCount);
  let granted = 0;
  for (const vote of votes.values()) {
    if (vote) granted += 1;
  }
  if (granted >= needed) return 'won';
  const refused = votes.size - granted;
  return voterCount - refused < needed ? 'lost' : 'pending';
}
