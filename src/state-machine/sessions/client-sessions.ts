/**
 * The sessions in which clients have commands executed exactly once (dissertation, 6.3): part of the replicated state.
 *
 * A session ends when it is closed, when nobody has used it for its ttl, or when there are too many and it was used longest ago.
 * All of that follows from the log alone: time is that of the stamps, and "longest ago" is in the order of the log.
 */

import type { SessionResult, WriteResult } from '../../protocol/command.js';
import {
  KEPT_RESULTS_SHARES,
  MAX_KEPT_RESULTS_BYTES,
  MAX_SESSIONS,
  SESSION_GRACE_MS,
} from '../../session-limits.js';
import { bytesOf, ClientSession } from './client-session.js';
import { keptOf, resultOf } from './kept-result.js';
import { SessionsImage, type SessionsState } from './sessions-image.js';
import { UseOrder } from './use-order.js';

const MS_PER_S = 1000;

/** Sessions that have expired are removed this often, by the stamps. Nobody finds them meanwhile. */
const SWEEP_MS = 5_000;

/** No stamp of the newest term was seen. */
const NEVER = -1;

export class ClientSessions {
  readonly #byId = new Map<string, ClientSession>();
  readonly #order = new UseOrder();
  #keptBytes = 0;
  #clockMs = 0;
  /** How many sessions were opened in the log so far, and in that of the backup with which it began. */
  #opened = 0;
  /** The newest term, and its first stamp. */
  #term = 0;
  #termStartMs = NEVER;
  #sweepAtMs = 0;
  /** A session of an earlier generation belongs to an image, too: it is copied before it changes. */
  #generation = 0;

  /** How many there are, including expired ones that were not removed yet. */
  get count(): number {
    return this.#byId.size;
  }

  /** Bytes of the results that all of them keep, each with what it takes besides. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** An entry of this term is about to be applied. The clock is the latest stamp; `isStamped` says whether the entry has one. */
  begin(term: number, clockMs: number, isStamped: boolean): void {
    this.#clockMs = clockMs;
    if (term !== this.#term) {
      this.#term = term;
      this.#termStartMs = NEVER;
    }
    if (isStamped && this.#termStartMs === NEVER) this.#termStartMs = clockMs;
    if (this.#byId.size > 0 && clockMs >= this.#sweepAtMs) this.#sweep();
  }

  /** @param name what the id is to contain, so that no other cluster gives it out */
  open(name: string, ttlS: number): SessionResult {
    this.#opened += 1;
    const id = `${this.#opened.toString(36)}-${name}`;
    const facts = { id, ttlMs: ttlS * MS_PER_S, lastUsedMs: this.#clockMs, done: 0 };
    this.#byId.set(id, new ClientSession(facts, this.#generation));
    this.#order.use(id);
    if (this.#byId.size > MAX_SESSIONS) this.#remove(this.#leastRecentlyUsed);
    return { type: 'session', id };
  }

  close(id: string): SessionResult {
    this.#remove(this.#byId.get(id));
    return { type: 'session-closed' };
  }

  /**
   * A command of the session came with this number, and its client has the results up to `done`. Returns the result if it is
   * not to be executed, else the session, which is to {@link keep} the result.
   */
  once(id: string, seq: number, done: number): SessionResult | WriteResult | ClientSession {
    const session = this.#use(id);
    if (session === undefined) return { type: 'no-session' };
    const before = session.keptBytes;
    session.forgetTo(done);
    this.#keptBytes += session.keptBytes - before;
    const earlier = session.earlier(seq);
    switch (earlier) {
      case 'none':
        return session;
      case 'forgotten':
        return { type: 'result-forgotten' };
      case 'not kept':
        return { type: 'result-not-kept' };
      default:
        return resultOf(earlier.kept);
    }
  }

  /** The command of this number was executed. A result that does not fit is not kept. */
  keep(session: ClientSession, seq: number, result: WriteResult): void {
    const kept = keptOf(result);
    if (kept === undefined || !this.#fits(session, bytesOf(kept))) {
      session.keepNot(seq);
      return;
    }
    session.keep(seq, kept);
    this.#keptBytes += bytesOf(kept);
  }

  /** Whether the session has no more than its share with these bytes, too. */
  #fits(session: ClientSession, bytes: number): boolean {
    return (session.keptBytes + bytes) * KEPT_RESULTS_SHARES <= MAX_KEPT_RESULTS_BYTES - this.#keptBytes;
  }

  /** All of it as it is now, to be written while it changes. A backup does not know the term: it is another log's. */
  image({ isBackup }: { readonly isBackup: boolean }): SessionsImage {
    this.#generation += 1;
    const state: SessionsState = {
      term: isBackup ? 0 : this.#term,
      termStartMs: isBackup ? NEVER : this.#termStartMs,
      opened: this.#opened,
      sweepAtMs: this.#sweepAtMs,
    };
    return new SessionsImage(state, [...this.#inOrderOfUse()]);
  }

  /** Takes what an image says of all sessions. */
  restore({ term, termStartMs, opened, sweepAtMs }: SessionsState): void {
    this.#term = term;
    this.#termStartMs = termStartMs;
    this.#opened = opened;
    this.#sweepAtMs = sweepAtMs;
  }

  /** Forgets all of them. */
  clear(): void {
    for (const session of [...this.#byId.values()]) this.#remove(session);
  }

  /** Adds a session of an image; they come in the order of their last use. */
  add(session: ClientSession): void {
    this.#byId.set(session.id, session);
    this.#order.use(session.id);
    this.#keptBytes += session.keptBytes;
  }

  /** The session, used by the entry that is applied. */
  #use(id: string): ClientSession | undefined {
    const found = this.#byId.get(id);
    if (found === undefined) return undefined;
    if (this.#isExpired(found)) {
      this.#remove(found);
      return undefined;
    }
    let session = found;
    if (found.generation !== this.#generation) {
      session = found.copy(this.#generation);
      this.#byId.set(id, session);
    }
    session.lastUsedMs = this.#clockMs;
    this.#order.use(id);
    return session;
  }

  #isExpired({ lastUsedMs, ttlMs }: ClientSession): boolean {
    return !this.#isInGrace && this.#clockMs >= lastUsedMs + ttlMs;
  }

  get #isInGrace(): boolean {
    return this.#termStartMs === NEVER || this.#clockMs < this.#termStartMs + SESSION_GRACE_MS;
  }

  get #leastRecentlyUsed(): ClientSession | undefined {
    const [first] = this.#inOrderOfUse();
    return first;
  }

  *#inOrderOfUse(): Generator<ClientSession> {
    for (const id of this.#order.ids()) {
      const session = this.#byId.get(id);
      if (session !== undefined) yield session;
    }
  }

  #sweep(): void {
    this.#sweepAtMs = this.#clockMs + SWEEP_MS;
    if (this.#isInGrace) return;
    for (const session of this.#byId.values()) if (this.#isExpired(session)) this.#remove(session);
  }

  #remove(session: ClientSession | undefined): void {
    if (session === undefined) return;
    this.#byId.delete(session.id);
    this.#order.remove(session.id);
    this.#keptBytes -= session.keptBytes;
  }
}
