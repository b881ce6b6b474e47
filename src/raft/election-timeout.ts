/**
 * Random election timeouts: how long a server waits before it campaigns. They are random so that servers rarely campaign at
 * once and split the votes (§5.2).
 *
 * Once the leader's end was noticed nobody need wait for a timeout: the others campaign one after the other, in an order that
 * all of them know, each a step later than the one before it (succession.ts).
 */

import type { RaftDependencies, RaftOptions } from './raft-options.js';
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

/** How long a server waits for a leader before it campaigns, in ms. */
export function drawElectionTimeoutMs(
  { electionTimeoutMs }: RaftOptions,
  { random }: RaftDependencies,
  succession: Succession | undefined,
): number {
  return succession === undefined
    ? uniformMs(electionTimeoutMs, random)
    : successionTimeoutMs(succession, electionTimeoutMs, random);
}

/**
 * Draws the first election timeout of a server: in [T/4, T) where no leader is left that a campaign could disturb, and 0 for a
 * server alone, which has nobody to wait for.
 */
export function drawFirstElectionTimeoutMs(
  { electionTimeoutMs }: RaftOptions,
  { random }: RaftDependencies,
  { isAlone, mayDisturbLeader }: { readonly isAlone: boolean; readonly mayDisturbLeader: boolean },
): number {
  if (isAlone) return 0;
  return mayDisturbLeader
    ? uniformMs(electionTimeoutMs, random)
    : (electionTimeoutMs * (1 + 3 * random())) / 4;
}

/** Uniform in [T, 2T) (§5.2). */
function uniformMs(shortestMs: number, random: () => number): number {
  return shortestMs * (1 + random());
}

/** The timeout of a successor: by rank for the first attempt; then random, doubled each time, up to the usual timeout. */
function successionTimeoutMs(
  { rank, attempts }: Succession,
  electionTimeoutMs: number,
  random: () => number,
): number {
  if (attempts === 0) {
    const part = random();
    return rank === 0 ? 0 : SUCCESSION_STEP_MS * (rank + (1 + part) / 4);
  }
  return uniformMs(Math.min(electionTimeoutMs, SUCCESSION_STEP_MS * 2 ** (attempts - 1)), random);
}
