/** Sessions whose commands wait for a leader to be known, for a limited time. */

import { LEADER_WAIT_MS } from '../../time-limits.js';
import type { Session } from './session.js';

export class LeaderlessSessions {
  readonly #sessions = new Set<Session>();

  get sessions(): readonly Session[] {
    return [...this.#sessions];
  }

  has(session: Session): boolean {
    return this.#sessions.has(session);
  }

  /** When the first of them has waited long enough; infinity without any. */
  get deadlineMs(): number {
    let deadlineMs = Number.POSITIVE_INFINITY;
    for (const { leaderlessSinceMs } of this.#sessions) {
      if (leaderlessSinceMs !== undefined)
        deadlineMs = Math.min(deadlineMs, leaderlessSinceMs + LEADER_WAIT_MS);
    }
    return deadlineMs;
  }

  /** Has the session wait, unless it has waited long enough; returns whether it waits. */
  add(session: Session, nowMs: number): boolean {
    session.leaderlessSinceMs ??= nowMs;
    if (nowMs >= session.leaderlessSinceMs + LEADER_WAIT_MS) return false;
    this.#sessions.add(session);
    return true;
  }

  remove(session: Session): void {
    this.#sessions.delete(session);
  }
}
