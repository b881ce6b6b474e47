/**
 * Clients that have sent half a command and leave it at that: each holds a connection and what it has sent. They are looked at
 * now and then, so that nobody who sends whole commands pays for it.
 */

import { HALF_SENT_BYTES_PER_MS, HALF_SENT_TIMEOUT_MS } from '../../time-limits.js';
import type { Session } from './session.js';

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
  readonly #halves = new Map<Session, Half>();

  /** When {@link takeOverdue} has something to look at. */
  get deadlineMs(): number {
    const [first] = this.#halves.values();
    return first?.lookAtMs ?? Number.POSITIVE_INFINITY;
  }

  /** The session has half a command, and nothing else of it waits. */
  note(session: Session, nowMs: number): void {
    if (!this.#halves.has(session)) this.#begin(session, nowMs);
  }

  forget(session: Session): void {
    this.#halves.delete(session);
  }

  /** Those that have had the time for the rest of their command. Large commands get more of it. */
  takeOverdue(nowMs: number): readonly Session[] {
    const overdue: Session[] = [];
    for (const [session, half] of this.#halves) {
      if (half.lookAtMs > nowMs) break;
      this.#halves.delete(session);
      const { halfStart } = session.parser;
      if (session.isStopped || session.pendingCount > 0 || halfStart === undefined) continue;
      if (halfStart > half.start) {
        this.#begin(session, nowMs);
        continue;
      }
      const receivedBytes = session.receivedBytes - half.receivedBytes;
      const endsAtMs = half.sinceMs + HALF_SENT_TIMEOUT_MS + receivedBytes / HALF_SENT_BYTES_PER_MS;
      if (endsAtMs <= nowMs) overdue.push(session);
      else this.#halves.set(session, { ...half, lookAtMs: nowMs + HALF_SENT_TIMEOUT_MS });
    }
    return overdue;
  }

  #begin(session: Session, nowMs: number): void {
    const { receivedBytes, parser } = session;
    const lookAtMs = nowMs + HALF_SENT_TIMEOUT_MS;
    this.#halves.set(session, { start: parser.halfStart ?? 0, sinceMs: nowMs, receivedBytes, lookAtMs });
  }
}
