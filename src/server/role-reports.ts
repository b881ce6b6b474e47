/** Reports when a server's role, its term or the leader it knows has changed, and when it begins to serve clients. */

import type { Raft } from '../raft/raft.js';
import type { Term } from '../raft/types.js';
import type { ServerEvent } from '../wire/control.js';
import type { AppliedState } from './applied-state.js';
import type { ServerMetrics } from './server-metrics.js';

export interface RoleReportsOptions {
  readonly raft: Raft;
  readonly state: AppliedState;
  readonly metrics: ServerMetrics;
  readonly onEvent: (event: ServerEvent) => void;
}

export class RoleReports {
  readonly #raft: Raft;
  readonly #state: AppliedState;
  readonly #metrics: ServerMetrics;
  readonly #onEvent: RoleReportsOptions['onEvent'];
  #reported: Extract<ServerEvent, { type: 'role' }> | undefined;
  #servingTerm: Term | undefined;

  constructor({ raft, state, metrics, onEvent }: RoleReportsOptions) {
    this.#raft = raft;
    this.#state = state;
    this.#metrics = metrics;
    this.#onEvent = onEvent;
  }

  /** Reports the role as it is now, if it has changed. Returns whether this server led in a term that it leads no more. */
  reportRole(): { readonly hasLostLeadership: boolean } {
    const { role, currentTerm: term, leader = null } = this.#raft;
    const last = this.#reported;
    if (last?.role === role && last.term === term && last.leader === leader)
      return { hasLostLeadership: false };
    this.#reported = { type: 'role', role, term, leader };
    if (leader !== null && leader !== last?.leader) this.#metrics.leaderChanges += 1;
    this.#onEvent(this.#reported);
    return { hasLostLeadership: last?.role === 'leader' };
  }

  /** Reports once in a term that this server leads and clients are answered. */
  reportServing(): void {
    const { isServing, currentTerm: term, commitIndex } = this.#raft;
    if (!isServing || this.#servingTerm === term) return;
    // Nobody is answered before everything is applied that the leaders before it had committed.
    if (this.#state.position.index < commitIndex) return;
    this.#servingTerm = term;
    this.#onEvent({ type: 'serving', term });
  }
}
