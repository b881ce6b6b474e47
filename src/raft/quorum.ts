/**
 * Whose agreement decides: a majority of the voters. In joint consensus it takes two majorities, of the new voters and of the old
 * ones (thesis 4.3). Knows numbers, nothing of Raft.
 */

/** Any two sets of voters that decide have one in common. */
export interface Quorum {
  /** A majority of these is needed. No id twice. */
  readonly voters: readonly number[];
  /** A majority of these is needed as well, if there are any. No id twice. */
  readonly outgoing: readonly number[];
}

/** How many of `count` voters are a majority. */
export function majorityOf(count: number): number {
  return Math.floor(count / 2) + 1;
}

/**
 * The largest value that a quorum has reached or passed. Throws RangeError where there are no voters.
 *
 * @param reachedBy what a voter has reached
 */
export function reachedByQuorum({ voters, outgoing }: Quorum, reachedBy: (voter: number) => number): number {
  const reached = reachedByMajority(voters, reachedBy);
  return outgoing.length === 0 ? reached : Math.min(reached, reachedByMajority(outgoing, reachedBy));
}

/** What a count of votes has come to. */
export type VoteResult = 'won' | 'lost' | 'pending';

/** Counts the votes of those who have one; all others' are disregarded. Nobody wins the votes of no voters. */
export function countVotes({ voters, outgoing }: Quorum, votes: ReadonlyMap<number, boolean>): VoteResult {
  const result = countMajority(voters, votes);
  if (outgoing.length === 0 || result === 'lost') return result;
  const outgoingResult = countMajority(outgoing, votes);
  return outgoingResult === 'won' ? result : outgoingResult;
}

function reachedByMajority(voters: readonly number[], reachedBy: (voter: number) => number): number {
  const descending = voters.map(reachedBy).sort(descend);
  const reached = descending[majorityOf(voters.length) - 1];
  if (reached === undefined) throw new RangeError('a majority of nobody');
  return reached;
}

function countMajority(voters: readonly number[], votes: ReadonlyMap<number, boolean>): VoteResult {
  const needed = majorityOf(voters.length);
  let granted = 0;
  let refused = 0;
  for (const voter of voters) {
    const vote = votes.get(voter);
    if (vote === true) granted += 1;
    else if (vote === false) refused += 1;
  }
  if (granted >= needed) return 'won';
  return voters.length - refused < needed ? 'lost' : 'pending';
}

function descend(a: number, b: number): number {
  return b - a;
}
