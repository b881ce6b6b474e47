/**
 * When a server campaigns. Timeouts are random, so that servers rarely campaign at once and split the votes (§5.2).
 *
 * Once the leader's end was noticed nobody need wait for a timeout: the others campaign one after the other, in an order that
 * all of them know, and each a step later than the one before it.
 */

import type { Term } from './types.js';

/** About the time that an election takes. */
const SUCCESSION_STEP_MS = 4;

/** The search for a successor of a leader that has ended. */
export interface Succession {
  /** How many servers are to campaign before this one. */
  readonly rank: number;
  /** The term that the ended leader led, if it was the current one when its end was noticed. */
  readonly endedTerm: Term | undefined;
  /** How often this server campaigned: it tries again within milliseconds at first, then ever later. */
  attempts: number;
}

/** Uniform in [T, 2T) (§5.2). `random` is uniform in [0, 1). */
export function electionDelayMs(electionTimeoutMs: number, random: number): number {
  return electionTimeoutMs * (1 + random);
}

/** Uniform in [T/4, T): for a server that starts when no leader is left that a campaign could disturb. */
export function firstElectionDelayMs(electionTimeoutMs: number, random: number): number {
  return (electionTimeoutMs * (1 + 3 * random)) / 4;
}

/** By rank for the first attempt; after that at random, and each time twice as late, up to the usual timeout. */
export function successionDelayMs(
  { rank, attempts }: Succession,
  electionTimeoutMs: number,
  random: number,
): number {
  if (attempts === 0) return rank === 0 ? 0 : SUCCESSION_STEP_MS * (rank + (1 + random) / 4);
  const shortestMs = Math.min(electionTimeoutMs, SUCCESSION_STEP_MS * 2 ** (attempts - 1));
  return electionDelayMs(shortestMs, random);
}
