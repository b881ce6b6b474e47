/**
 * Applies one log entry at a time to what a store holds, in slices: between two commands, and within those that take long,
 * it can stop and go on in a later turn.
 *
 * A command's way: {@link EntryApplication.goOn} has the batch hand it to #visitor, which is this class, or #skipping where it
 * was executed before. A method of its name (`set`) executes it and gives its result to #report: that is who hears of the entry's
 * results, or before them what keeps the result for a repeat, #keepForRouter or #keepInSession.
 */

import type { ByteSpan } from '../bytes/byte-reader.js';
import type { ByteString } from '../bytes/byte-string.js';
import { DEFAULT_MAX_VALUE_BYTES, MAX_EXPIRED_PER_ENTRY } from '../limits.js';
import {
  type Args,
  type CommandResult,
  type DeleteIfCommand,
  type FormerlyWatchedKey,
  isOfWrite,
  type WatchedKey,
} from '../protocol/command.js';
import type { RespValue } from '../protocol/resp/value.js';
import type { ArgSource } from './arg-source.js';
import { visitKeys } from './batch-keys.js';
import { BatchReader } from './batch-reader.js';
import type { BatchVisitor, TransactionCommands } from './batch-visitor.js';
import type { Contents } from './contents.js';
import { HashList } from './hash-list.js';
import { NO_RECORD, type RecordId } from './record-id.js';
import { beginLong, execute, executeLong } from './redis/execute.js';
import { executeTransaction } from './redis/transaction.js';
import type { RouterDedupe } from './router-dedupe/router-dedupe.js';
import { ClientSession } from './sessions/client-session.js';
import type { ClientSessions } from './sessions/client-sessions.js';
import { SkippingVisitor } from './sessions/skipping-visitor.js';
import type { StoreKeyspace } from './store-keyspace.js';
import { EXPIRY_WORK, goOn, KEY_WORK, SESSION_WORK, type Steps, type Work } from './work.js';
import { FIRST_RULE, ruleOf, type WorkRule } from './work-rules.js';

const MS_PER_S = 1000;

export class EntryApplication implements BatchVisitor {
  readonly #contents: Contents;
  readonly #keyspace: StoreKeyspace;
  readonly #sessions: ClientSessions;
  readonly #dedupe: RouterDedupe;
  /** The next command is that of a connection of the router. */
  #isRouted = false;
  /** Does nothing for a command that was executed before. */
  readonly #skipping: SkippingVisitor = new SkippingVisitor({
    skipped: (command) => this.#skip(command),
    skipSteps: (steps) => {
      this.#steps = steps;
    },
    work: () => this.#keyspace.work,
    settings: this,
  });
  /** What the next command is handed to: this, or {@link #skipping}. */
  #visitor: BatchVisitor = this;
  /** The session that the next command is executed in, and its number there. */
  #executing: { readonly session: ClientSession; readonly seq: number } | undefined;
  /** The result of a command that was executed before, or cannot be: it is skipped. */
  #skippedResult: CommandResult | undefined;
  /** The hashes of the keys of the batch that is applied: see #nextHash. */
  readonly #hashes = new HashList();
  readonly #addHash = (key: ByteSpan) => this.#hashes.add(this.#contents.records.hash(key));
  #hashesUsed = 0;
  #batch: BatchReader | undefined;
  /** Keys that this entry may still remove because they have expired. */
  #expiriesLeft = 0;
  #workRule: WorkRule = FIRST_RULE;
  /** A command that is not at its end. */
  #steps: Steps<RespValue> | undefined;
  /** What the next command's result is handed to: {@link #onResult}, {@link #keepForRouter} or {@link #keepInSession}. */
  #report: ((result: CommandResult) => void) | undefined;
  /** Who hears of the entry's results: the applier of a leader, to answer them; nobody on other servers. */
  #onResult: ((result: CommandResult) => void) | undefined;
  #isPaused = false;

  constructor(contents: Contents, keyspace: StoreKeyspace, sessions: ClientSessions, dedupe: RouterDedupe) {
    this.#contents = contents;
    this.#keyspace = keyspace;
    this.#sessions = sessions;
    this.#dedupe = dedupe;
  }

  /** Whether an entry was begun and is not at its end: what is stored is no state that a client may see. */
  get isWithin(): boolean {
    return this.#batch !== undefined;
  }

  /** Begins with an entry's payload, see {@link KeyValueStore.begin}. */
  begin(payload: Uint8Array, onResult: ((result: CommandResult) => void) | undefined, term: number): void {
    const batch = new BatchReader(payload);
    this.#hashes.clear();
    this.#hashesUsed = 0;
    if (!this.#contents.isCached) {
      visitKeys(payload, this.#addHash);
      if (this.#hashes.count > 1) this.#contents.records.prefetch(this.#hashes.hashes, this.#hashes.count);
    }
    this.#batch = batch;
    this.#keyspace.maxValueBytes = DEFAULT_MAX_VALUE_BYTES;
    this.#workRule = FIRST_RULE;
    this.#steps = undefined;
    this.#report = onResult;
    this.#onResult = onResult;
    this.#visitor = this;
    this.#isRouted = false;
    this.#expiriesLeft = 0;
    const isStamped = batch.stampMs !== undefined;
    if (isStamped) {
      this.#contents.setClock(batch.stampMs);
      if (batch.countsRevisions) this.#contents.countRevisions(batch.stampMs);
      this.#expiriesLeft = MAX_EXPIRED_PER_ENTRY;
    }
    this.#keyspace.beginEntry();
    this.#sessions.begin(term, this.#contents.clockMs, isStamped);
  }

  /** Goes on until the work is spent, somebody pauses it, or the entry is at its end. Returns whether it is. */
  goOn(work: Work): boolean {
    const batch = this.#batch;
    if (batch === undefined) return true;
    this.#keyspace.work = work;
    this.#isPaused = false;
    if (!this.#removeExpired(work)) return false;
    while (true) {
      if (this.#steps !== undefined) this.#goOnWith(this.#steps);
      else if (batch.isAtEnd) {
        this.#batch = undefined;
        this.#contents.history.endEntry();
        this.#report = undefined;
        this.#onResult = undefined;
        if (this.#isRouted) this.#dedupe.endRun();
        return true;
      } else {
        const { units } = batch;
        batch.next(this.#visitor);
        work.units += batch.units - units;
      }
      this.#contents.countHidden(work);
      if (this.#isPaused || work.isSpent) return false;
    }
  }

  /** Has {@link goOn} return once the result of the last command was reported. */
  pause(): void {
    this.#isPaused = true;
  }

  /** @internal Part of {@link goOn}. */
  valueLimit(bytes: number): void {
    this.#keyspace.maxValueBytes = bytes;
  }

  /** @internal Part of {@link goOn}. */
  workRule(number: number): void {
    this.#workRule = ruleOf(number);
  }

  /** @internal Part of {@link goOn}. */
  set(key: ByteString, value: ByteString, exptimeS: number): void {
    const hash = this.#nextHash(key);
    this.#store(key, value, exptimeS, this.#contents.findToStore(key, hash), hash);
  }

  /** @internal Part of {@link goOn}. */
  cas(key: ByteString, value: ByteString, exptimeS: number, version: number): void {
    const hash = this.#nextHash(key);
    const id = this.#contents.findToStore(key, hash);
    if (id === NO_RECORD) this.#report?.({ type: 'not-found' });
    else if (this.#contents.records.version(id) !== version) this.#report?.({ type: 'version-mismatch' });
    else this.#store(key, value, exptimeS, id, hash);
  }

  /** @internal Part of {@link goOn}. */
  casRevision(key: ByteString, value: ByteString, exptimeS: number, revision: number): void {
    const hash = this.#nextHash(key);
    const { records, revisions } = this.#contents;
    const id = this.#contents.findToStore(key, hash);
    if (id === NO_RECORD) this.#report?.({ type: 'not-found' });
    else if (revisions.shown(records.revision(id)) !== revision) this.#report?.({ type: 'version-mismatch' });
    else {
      const version = this.#put(key, value, exptimeS, id, hash);
      this.#report?.({ type: 'stored-at', version, revision: revisions.last });
    }
  }

  /** @internal Part of {@link goOn}. */
  add(key: ByteString, value: ByteString, exptimeS: number): void {
    const hash = this.#nextHash(key);
    const id = this.#contents.findToStore(key, hash);
    if (id !== NO_RECORD) {
      this.#report?.({ type: 'exists' });
      return;
    }
    this.#put(key, value, exptimeS, id, hash);
    this.#report?.({ type: 'added', revision: this.#contents.revisions.last });
  }

  /** @internal Part of {@link goOn}. */
  deleteIf(key: ByteString, by: DeleteIfCommand['by'], expected: number): void {
    const hash = this.#nextHash(key);
    const { records, revisions } = this.#contents;
    const id = this.#contents.findToStore(key, hash);
    if (id === NO_RECORD) {
      this.#report?.({ type: 'not-found' });
      return;
    }
    const found = by === 'version' ? records.version(id) : revisions.shown(records.revision(id));
    if (found === expected) this.#contents.remove(key, hash);
    this.#report?.({ type: found === expected ? 'deleted' : 'version-mismatch' });
  }

  /** @internal Part of {@link goOn}. */
  delete(key: ByteString): void {
    // Before the call: an optional call does not evaluate its arguments when nobody listens.
    const existed = this.#contents.remove(key, this.#nextHash(key));
    this.#report?.({ type: existed ? 'deleted' : 'not-found' });
  }

  /** @internal Part of {@link goOn}. */
  redis(args: Args): void {
    const steps = beginLong(this.#keyspace, args);
    if (steps !== undefined) this.#steps = steps;
    else {
      const value = execute(this.#keyspace, args);
      this.#report?.({ type: 'resp', value });
    }
  }

  /** @internal Part of {@link goOn}. */
  longRedis(name: string, args: ArgSource): void {
    this.#steps = executeLong(this.#keyspace, name, args);
  }

  /** @internal Part of {@link goOn}. */
  redisTransaction(
    watched: readonly (WatchedKey | FormerlyWatchedKey)[],
    commands: TransactionCommands,
  ): void {
    this.#steps = executeTransaction(this.#keyspace, watched, commands, this.#workRule);
  }

  /** @internal Part of {@link goOn}. */
  sessionOpen(name: string, ttlS: number): void {
    this.#keyspace.work.units += SESSION_WORK;
    const result = this.#sessions.open(name, ttlS);
    this.#report?.(result);
  }

  /** @internal Part of {@link goOn}. */
  sessionClose(id: string): void {
    this.#keyspace.work.units += SESSION_WORK;
    const result = this.#sessions.close(id);
    this.#report?.(result);
  }

  /** @internal Part of {@link goOn}. The next command is executed in this session, or skipped. */
  once(id: string, seq: number, done: number): void {
    this.#keyspace.work.units += SESSION_WORK;
    const found = this.#sessions.once(id, seq, done);
    if (found instanceof ClientSession) {
      this.#executing = { session: found, seq };
      this.#report = this.#keepInSession;
    } else {
      this.#skippedResult = found;
      this.#visitor = this.#skipping;
    }
  }

  /** @internal Part of {@link goOn}. */
  routerStart(start: string): void {
    this.#dedupe.begin(start);
  }

  /** @internal Part of {@link goOn}. The next command is executed, or skipped as a repeat. */
  dedupe(row: number, connection: number, place: number): void {
    this.#dedupe.beginRun(row, connection, place);
    this.#isRouted = true;
    this.#report = this.#keepForRouter;
    this.#visitor = this.#dedupe.isRepeat ? this.#skipping : this;
  }

  /** @internal Part of {@link goOn}. */
  stride(bytes: number): void {
    this.#dedupe.setStride(bytes);
    this.#visitor = this.#dedupe.isRepeat ? this.#skipping : this;
  }

  /** @internal Part of {@link goOn}. */
  dedupeEnd(): void {
    this.#dedupe.endRun();
    this.#isRouted = false;
    this.#report = this.#onResult;
    this.#visitor = this;
  }

  /** The result of a command that came through the router. */
  readonly #keepForRouter = (result: CommandResult): void => {
    this.#dedupe.executed(result);
    this.#onResult?.(result);
  };

  /** The result of the command that is executed in a session. */
  readonly #keepInSession = (result: CommandResult): void => {
    const executing = this.#executing;
    this.#executing = undefined;
    this.#report = this.#isRouted ? this.#keepForRouter : this.#onResult;
    if (executing !== undefined && isOfWrite(result))
      this.#sessions.keep(executing.session, executing.seq, result);
    this.#report?.(result);
  };

  /** The command was read, and is not executed. */
  #skip(command: 'with key' | 'without key'): void {
    if (command === 'with key' && this.#hashesUsed < this.#hashes.count) this.#hashesUsed += 1;
    const result = this.#skippedResult;
    this.#skippedResult = undefined;
    if (result === undefined) {
      this.#passOver();
      return;
    }
    this.#visitor = this;
    this.#report?.(result);
  }

  /** The command is a repeat of the router's. */
  #passOver(): void {
    this.#keyspace.work.units += SESSION_WORK;
    const result = this.#onResult === undefined ? undefined : this.#dedupe.earlierResult;
    this.#dedupe.passedOver();
    if (!this.#dedupe.isRepeat) this.#visitor = this;
    if (result !== undefined) this.#onResult?.(result);
  }

  /** The hash of the key of the next set, cas or delete of the batch, which is this key. */
  #nextHash(key: ByteString): number {
    this.#keyspace.work.units += KEY_WORK;
    if (this.#hashesUsed === this.#hashes.count) return this.#contents.records.hash(key);
    this.#hashesUsed += 1;
    return this.#hashes.at(this.#hashesUsed - 1);
  }

  #store(key: ByteString, value: ByteString, exptimeS: number, id: RecordId, hash: number): void {
    const version = this.#put(key, value, exptimeS, id, hash);
    if (this.#report === this.#keepForRouter) {
      // As #keepForRouter does, without an object if nobody hears of it.
      this.#dedupe.stored(version);
      this.#onResult?.({ type: 'stored', version });
    } else this.#report?.({ type: 'stored', version });
  }

  /** Stores the value, and returns the key's version. */
  #put(key: ByteString, value: ByteString, exptimeS: number, id: RecordId, hash: number): number {
    const deadlineMs = exptimeS === 0 ? 0 : this.#contents.clockMs + exptimeS * MS_PER_S;
    return this.#contents.put(key, value, deadlineMs, id, hash);
  }

  /** Whether all that this entry may remove was removed. */
  #removeExpired(work: Work): boolean {
    while (this.#expiriesLeft > 0 && this.#contents.hasExpired) {
      if (work.isSpent) return false;
      this.#contents.removeExpired();
      this.#expiriesLeft -= 1;
      work.units += EXPIRY_WORK;
    }
    this.#expiriesLeft = 0;
    return true;
  }

  #goOnWith(steps: Steps<RespValue>): void {
    const done = goOn(steps);
    if (done === undefined) return;
    this.#steps = undefined;
    // What was passed over has no result of its own.
    if (this.#visitor === this.#skipping) this.#skip('without key');
    else this.#report?.({ type: 'resp', value: done.result });
  }
}
