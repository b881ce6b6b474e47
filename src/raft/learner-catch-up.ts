/**
 * When new servers are close enough to vote (thesis 4.2.1). Replication to a learner goes in rounds: each replicates all entries
 * that the leader's log has when the round begins. A learner is close once a round took less than an election timeout: what it
 * lacks then will hold up nobody for longer.
 */

import type { LogIndex, ServerId } from './types.js';

interface Round {
  readonly endIndex: LogIndex;
  readonly startMs: number;
  /** Whether one before it was short enough. */
  readonly isClose: boolean;
}

export class CatchUp {
  readonly #rounds: Map<ServerId, Round>;

  constructor(learners: readonly ServerId[], lastIndex: LogIndex, nowMs: number) {
    const round = { endIndex: lastIndex, startMs: nowMs, isClose: false };
    this.#rounds = new Map(learners.map((id) => [id, round]));
  }

  /** The servers that have not nearly caught up yet. */
  get lagging(): readonly ServerId[] {
    return [...this.#rounds].flatMap(([id, { isClose }]) => (isClose ? [] : [id]));
  }

  /** A learner's log agrees with the leader's, which ends at `lastIndex`, up to `matchIndex`: the next round may begin. */
  reached(learner: ServerId, matchIndex: LogIndex, { lastIndex, nowMs, electionTimeoutMs }: RoundEnd): void {
    const round = this.#rounds.get(learner);
    if (round === undefined || matchIndex < round.endIndex) return;
    const isClose = round.isClose || nowMs - round.startMs < electionTimeoutMs;
    this.#rounds.set(learner, { endIndex: lastIndex, startMs: nowMs, isClose });
  }
}

interface RoundEnd {
  readonly lastIndex: LogIndex;
  readonly nowMs: number;
  readonly electionTimeoutMs: number;
}
