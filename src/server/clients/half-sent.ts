/**
 * Clients that have sent half a command and leave it at that: each holds a connection and what it has sent. They are looked at
 * now and then, so that nobody who sends whole commands pays for it.
 */

import { HALF_SENT_BYTES_PER_MS, HALF_SENT_TIMEOUT_MS } from '../../time-limits.js';
import type { ClientConnection } from './client-connection.js';

interface Half {
  /** Where in the stream the half command begins. */
  readonly start: number;
  readonly sinceMs: number;
  readonly receivedBytes: number;
  /** When it is looked at next. */
  readonly lookAtMs: number;
}

export class HalfSent {
  /** In the order in which they are looked at; those whose command has come meanwhile are still among them. */
  readonly #halves = new Map<ClientConnection, Half>();

  /** When {@link takeOverdue} has something to look at. */
  get deadlineMs(): number {
    const [first] = this.#halves.values();
    return first?.lookAtMs ?? Number.POSITIVE_INFINITY;
  }

  /** The client has half a command, and nothing else of it waits. */
  note(client: ClientConnection, nowMs: number): void {
    if (!this.#halves.has(client)) this.#begin(client, nowMs);
  }

  forget(client: ClientConnection): void {
    this.#halves.delete(client);
  }

  /** Those that have had the time for the rest of their command. Large commands get more of it. */
  takeOverdue(nowMs: number): readonly ClientConnection[] {
    const overdue: ClientConnection[] = [];
    for (const [client, half] of this.#halves) {
      if (half.lookAtMs > nowMs) break;
      this.#halves.delete(client);
      const { halfStart } = client.parser;
      if (client.isStopped || client.pendingCount > 0 || halfStart === undefined) continue;
      if (halfStart > half.start) {
        this.#begin(client, nowMs);
        continue;
      }
      const receivedBytes = client.receivedBytes - half.receivedBytes;
      const endsAtMs = half.sinceMs + HALF_SENT_TIMEOUT_MS + receivedBytes / HALF_SENT_BYTES_PER_MS;
      if (endsAtMs <= nowMs) overdue.push(client);
      else this.#halves.set(client, { ...half, lookAtMs: nowMs + HALF_SENT_TIMEOUT_MS });
    }
    return overdue;
  }

  #begin(client: ClientConnection, nowMs: number): void {
    const { receivedBytes, parser } = client;
    const lookAtMs = nowMs + HALF_SENT_TIMEOUT_MS;
    this.#halves.set(client, { start: parser.halfStart ?? 0, sinceMs: nowMs, receivedBytes, lookAtMs });
  }
}
