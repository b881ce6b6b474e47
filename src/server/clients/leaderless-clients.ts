/** Clients whose commands wait for a leader to be known, for a limited time. */

import { LEADER_WAIT_MS } from '../../time-limits.js';
import type { ClientConnection } from './client-connection.js';

export class LeaderlessClients {
  readonly #clients = new Set<ClientConnection>();

  get clients(): readonly ClientConnection[] {
    return [...this.#clients];
  }

  has(client: ClientConnection): boolean {
    return this.#clients.has(client);
  }

  /** When the first of them has waited long enough; infinity without any. */
  get deadlineMs(): number {
    let deadlineMs = Number.POSITIVE_INFINITY;
    for (const { leaderlessSinceMs } of this.#clients) {
      if (leaderlessSinceMs !== undefined)
        deadlineMs = Math.min(deadlineMs, leaderlessSinceMs + LEADER_WAIT_MS);
    }
    return deadlineMs;
  }

  /** Has the client wait, unless it has waited long enough; returns whether it waits. */
  add(client: ClientConnection, nowMs: number): boolean {
    client.leaderlessSinceMs ??= nowMs;
    if (nowMs >= client.leaderlessSinceMs + LEADER_WAIT_MS) return false;
    this.#clients.add(client);
    return true;
  }

  remove(client: ClientConnection): void {
    this.#clients.delete(client);
  }
}
