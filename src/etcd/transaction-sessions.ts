/**
 * The sessions of clients whose commands share a transaction: what etcd has of them before, and what it is to have after.
 *
 * A command of a session compares the session's key and that of its own result. So it is executed while the session is there, and
 * by one try alone. Sessions that this server has used last are remembered; then the command's result is taken to be absent,
 * which the transaction compares.
 */

import { MAX_KNOWN_SESSIONS } from '../etcd-limits.js';
import type { Request } from '../protocol/request.js';
import type { ClientSession } from '../state-machine/sessions/client-session.js';
import type { NamedValues, Operation } from './etcd-names.js';
import {
  decodeKept,
  decodeSession,
  encodeKept,
  encodeSession,
  resultName,
  type SessionRecord,
  sessionName,
} from './session-records.js';

const MS_PER_S = 1000;

interface KnownSession {
  readonly record: SessionRecord;
  readonly modRevision: number;
}

/** A command of a session, as far as it concerns the session. */
interface Use {
  readonly id: string;
  readonly seq: number;
}

/** What etcd has of the sessions of some commands. */
export interface LoadedSessions {
  readonly uses: readonly Use[];
  /** By their ids; those that there are. */
  readonly sessions: ReadonlyMap<string, KnownSession>;
  /** By the names of their keys: as sessions keep them. */
  readonly results: ReadonlyMap<string, { readonly kept: string; readonly modRevision: number }>;
}

/** The sessions' commands among these. */
export function usesOf(requests: readonly Request[]): readonly Use[] {
  return requests.flatMap((request) => (request.type === 'once' ? [request] : []));
}

export class TransactionSessions {
  /** Those that were used last are at the end. */
  readonly #known = new Map<string, KnownSession>();

  /** The names of the keys that are to be read for these uses, since nothing is known of them. */
  unknownNames(uses: readonly Use[]): readonly string[] {
    const unknown = uses.filter(({ id }) => !this.#known.has(id));
    return [...new Set(unknown.flatMap(({ id, seq }) => [sessionName(id), resultName(id, seq)]))];
  }

  /** What etcd has of the sessions. What was not read is as it is known. Throws as the decoders of session-records.ts do. */
  load(uses: readonly Use[], read: NamedValues): LoadedSessions {
    const sessions = new Map<string, KnownSession>();
    const results = new Map<string, { kept: string; modRevision: number }>();
    for (const { id, seq } of uses) {
      const found = read.get(sessionName(id));
      if (found !== undefined)
        this.#note(id, { record: decodeSession(found.value), modRevision: found.modRevision });
      const known = this.#known.get(id);
      if (known === undefined) continue;
      sessions.set(id, known);
      const result = read.get(resultName(id, seq));
      if (result === undefined) continue;
      const { value, modRevision } = result;
      results.set(resultName(id, seq), { kept: decodeKept(value, modRevision), modRevision });
    }
    return { uses, sessions, results };
  }

  /** Others have changed something of these sessions, or may have. */
  forget(uses: readonly Use[]): void {
    for (const { id } of uses) this.#known.delete(id);
  }

  /** The operations were done that have made `after` of the sessions. */
  written({ sessions }: LoadedSessions, after: readonly ClientSession[], modRevision: number): void {
    for (const { id, done } of after) {
      const before = sessions.get(id);
      if (before !== undefined && before.record.done !== done)
        this.#note(id, { record: { ...before.record, done }, modRevision });
    }
  }

  #note(id: string, known: KnownSession): void {
    this.#known.delete(id);
    this.#known.set(id, known);
    if (this.#known.size <= MAX_KNOWN_SESSIONS) return;
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest);
      return;
    }
  }
}

/** The sessions as a store takes them, without their results. */
export function factsOf({ sessions }: LoadedSessions) {
  return [...sessions].map(([id, { record }]) => ({ id, ttlMs: record.ttlS * MS_PER_S, done: record.done }));
}

/** Gives the sessions of a store the results that etcd has. */
export function fillResults({ uses, results }: LoadedSessions, sessions: readonly ClientSession[]): void {
  const byId = new Map(sessions.map((session) => [session.id, session]));
  const filled = new Set<string>();
  for (const { id, seq } of uses) {
    const session = byId.get(id);
    const name = resultName(id, seq);
    const result = results.get(name);
    if (session === undefined || result === undefined || seq <= session.done || filled.has(name)) continue;
    filled.add(name);
    if (result.kept === '') session.keepNot(seq);
    else session.keep(seq, result.kept);
  }
}

/** Whether etcd had a result of the command before the transaction. */
export function isRepeat({ results }: LoadedSessions, { id, seq }: Use): boolean {
  return results.has(resultName(id, seq));
}

/** etcd's revisions of the last changes of all that the commands were executed by; 0 for what was absent. */
export function unchangedSessions({ uses, sessions, results }: LoadedSessions): ReadonlyMap<string, number> {
  const unchanged = new Map<string, number>();
  for (const { id, seq } of uses) {
    unchanged.set(sessionName(id), sessions.get(id)?.modRevision ?? 0);
    const name = resultName(id, seq);
    unchanged.set(name, results.get(name)?.modRevision ?? 0);
  }
  return unchanged;
}

/**
 * What is to be written so that etcd has the sessions as they are after the commands.
 *
 * @param ordinalOf how many changes of keys come before that of the command in the transaction
 */
export function sessionOperations(
  loaded: LoadedSessions,
  after: readonly ClientSession[],
  ordinalOf: (use: Use) => number,
): readonly Operation[] {
  const operations: Operation[] = [];
  for (const session of after) {
    const { id, done } = session;
    const before = loaded.sessions.get(id)?.record;
    if (before === undefined) continue;
    const { lease } = before;
    if (done !== before.done) {
      operations.push({
        type: 'put',
        name: sessionName(id),
        value: encodeSession({ ...before, done }),
        lease,
      });
      const end = resultName(id, done + 1);
      operations.push({ type: 'remove', name: resultName(id, before.done + 1), end });
    }
    const notKept = new Set(session.notKept);
    const written = new Set<number>();
    for (const use of loaded.uses) {
      const { seq } = use;
      if (use.id !== id || written.has(seq) || isRepeat(loaded, use)) continue;
      const kept = session.kept.get(seq) ?? (notKept.has(seq) ? '' : undefined);
      if (kept === undefined) continue;
      written.add(seq);
      const value = encodeKept(kept, ordinalOf(use));
      operations.push({ type: 'put', name: resultName(id, seq), value, lease });
    }
  }
  return operations;
}
