/**
 * Executes commands of many clients by as few transactions of etcd as their keys allow: reads all their keys at one time,
 * executes the commands in their order on a scratch store, and writes what has changed if none of the keys has changed
 * meanwhile. Else it executes them anew.
 */

import type { Environment } from '../environment.js';
import {
  MAX_ATTEMPTS,
  MAX_KEYS_OF_COMMAND,
  MAX_TXN_BYTES,
  MAX_TXN_KEYS,
  SHARED_ATTEMPTS,
} from '../etcd-limits.js';
import type { CommandResult } from '../protocol/command.js';
import type { Request } from '../protocol/request.js';
import { ChangeEvent } from '../state-machine/change-events.js';
import type { KeyRecord } from '../state-machine/key-record.js';
import type { ClientSession } from '../state-machine/sessions/client-session.js';
import type { Removal } from './change-notes.js';
import { ContendedError, EtcdRefusalError } from './etcd-errors.js';
import {
  type EtcdChange,
  type EtcdKeys,
  type EtcdRecord,
  type EtcdRecords,
  keyName,
  operationsOf,
  recordsOf,
  unchangedRecords,
} from './etcd-keys.js';
import type { NamedValues, Operation } from './etcd-names.js';
import { KnownRecords } from './known-records.js';
import type { Leases } from './leases.js';
import type { KeysReach } from './reach.js';
import { revisionOf } from './revisions.js';
import { type Executed, isOver, type LastChange, type Scratch } from './scratch.js';
import type { Sessions } from './sessions.js';
import {
  factsOf,
  fillResults,
  isRepeat,
  type LoadedSessions,
  sessionOperations,
  TransactionSessions,
  unchangedSessions,
  usesOf,
} from './transaction-sessions.js';
import { VALUE_HEADER_BYTES } from './value-codec.js';

export interface SharedCommand {
  readonly request: Request;
  readonly reach: KeysReach;
}

/** What a command came to, or that it was not executed since it asks for too much: an error of Redis. */
export type Outcome = Executed | { readonly type: 'refused'; readonly reason: string };

const TOO_MUCH_WRITTEN: Outcome = {
  type: 'refused',
  reason: `ERR a command writes no more than ${MAX_TXN_BYTES} bytes to etcd, and removes fewer than ${MAX_TXN_KEYS} keys`,
};

export interface SharedTransactionsOptions {
  readonly environment: Pick<Environment, 'nowMs'>;
  readonly keys: EtcdKeys;
  readonly leases: Leases;
  /** A store for each call that is under way. */
  readonly newScratch: () => Scratch;
  readonly sessions: Pick<Sessions, 'used'>;
  /** The time that deadlines are counted in, in ms since the epoch. */
  readonly timeMs: () => number;
}

export class SharedTransactions {
  readonly #options: SharedTransactionsOptions;
  readonly #known: KnownRecords;
  readonly #sessions = new TransactionSessions();
  /** Those that no call uses. */
  readonly #scratches: Scratch[] = [];

  constructor(options: SharedTransactionsOptions) {
    this.#options = options;
    this.#known = new KnownRecords(() => options.environment.nowMs());
  }

  /**
   * Executes commands that can share a transaction (transaction-room.ts), or fewer: the first of them, at least one. Resolves to
   * what they came to, in their order. Rejects with ContendedError, or as EtcdTransport does. Only after an EtcdNoAnswerError
   * something may have been done, and only if `isWriting` was called. Calls may be under way side by side.
   *
   * @param endMs when the outcome comes too late, by the environment's clock
   */
  async execute(
    commands: readonly SharedCommand[],
    endMs: number,
    isWriting: (count: number) => void,
  ): Promise<readonly Outcome[]> {
    const [first] = commands;
    if (first === undefined) return [];
    const refusal = refusalOf(first.reach);
    if (refusal !== undefined) return [refusal];
    let shared = commands;
    let loaded = await this.#loadKnown(shared);
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
      const executed = await this.#executeOn(loaded, shared);
      const { outcomes, changes } = executed;
      const isTooMuch = sizeOf(executed) > MAX_TXN_BYTES || countOf(executed) > MAX_TXN_KEYS;
      const isNothing = changes.length + executed.sessionOperations.length === 0;
      if (isNothing && loaded.isAtOneTime) return this.#done(outcomes, loaded);
      if (!loaded.isAtOneTime && (isNothing || isTooMuch)) {
        // Nothing will be compared: what was known may not be so any more.
        loaded = await this.#load(shared);
        continue;
      }
      if (isTooMuch) {
        if (shared.length === 1) return [TOO_MUCH_WRITTEN];
        shared = half(shared);
        loaded = await this.#load(shared);
        continue;
      }
      const leased = await this.#leased(changes);
      isWriting(shared.length);
      const modRevision = await this.#write(loaded, { ...executed, changes: leased }, endMs);
      if (modRevision !== undefined) {
        this.#known.written(leased, modRevision);
        this.#sessions.written(loaded.sessions, executed.after, modRevision);
        const all = outcomes.map((one, place) =>
          told(one, shared[place], loaded.sessions, leased, modRevision),
        );
        return this.#done(all, loaded);
      }
      isWriting(0);
      this.#known.changed(loaded.records.keys());
      this.#sessions.forget(loaded.sessions.uses);
      // Those who want the same keys get in each other's way less if each wants fewer.
      if (attempt >= SHARED_ATTEMPTS && shared.length > 1) shared = half(shared);
      loaded = await this.#load(shared);
    }
    throw new ContendedError();
  }

  #done(outcomes: readonly Outcome[], { sessions }: Loaded): readonly Outcome[] {
    for (const { record } of sessions.sessions.values()) this.#options.sessions.used(record);
    return outcomes;
  }

  /**
   * What etcd has of all that the commands touch. Where some of the commands write, what is known is taken as it is, for it will
   * be compared; else it is all as of one time.
   */
  async #loadKnown(shared: readonly SharedCommand[]): Promise<Loaded> {
    const keys = keysOf(shared);
    const uses = usesOf(shared.map(({ request }) => request));
    const known = shared.some(({ reach }) => reach.isWrite) ? this.#known.of(keys) : new Map();
    const unknownNames = this.#sessions.unknownNames(uses);
    const isUnknown = known.size === 0 && (uses.length === 0 || unknownNames.length > 0);
    if (isUnknown) return this.#load(shared);
    const unknown = keys.filter((key) => !known.has(key));
    const read = await this.#options.keys.names.read([...unknown.map(keyName), ...unknownNames]);
    return this.#loaded(keys, uses, { read, known, isAtOneTime: false });
  }

  /** What etcd has of all that the commands touch, as of one time. */
  async #load(shared: readonly SharedCommand[]): Promise<Loaded> {
    const keys = keysOf(shared);
    const uses = usesOf(shared.map(({ request }) => request));
    this.#sessions.forget(uses);
    const names = [...keys.map(keyName), ...this.#sessions.unknownNames(uses)];
    const read = await this.#options.keys.names.read(names);
    return this.#loaded(keys, uses, { read, known: new Map(), isAtOneTime: true });
  }

  #loaded(
    keys: readonly string[],
    uses: LoadedSessions['uses'],
    { read, known, isAtOneTime }: { read: NamedValues; known: EtcdRecords; isAtOneTime: boolean },
  ): Loaded {
    const fresh = recordsOf(
      keys.filter((key) => !known.has(key)),
      read,
    );
    this.#known.read(fresh);
    const records = new Map(keys.map((key) => [key, known.get(key) ?? fresh.get(key)]));
    return { records, sessions: this.#sessions.load(uses, read), isAtOneTime };
  }

  async #executeOn(
    { records, sessions }: Loaded,
    shared: readonly SharedCommand[],
  ): Promise<ExecutedTransaction> {
    const { newScratch, timeMs } = this.#options;
    const scratch = this.#scratches.pop() ?? newScratch();
    scratch.load(records, timeMs());
    const loaded = scratch.loadSessions(factsOf(sessions));
    fillResults(sessions, loaded);
    const outcomes = await scratch.execute(shared.map(({ request }) => request));
    const changes = this.#changesOf(records, scratch);
    const ordinalOf = (use: { readonly id: string; readonly seq: number }) => {
      const command = shared.find(
        ({ request: one }) => one.type === 'once' && one.id === use.id && one.seq === use.seq,
      );
      return ordinalIn(changes, command);
    };
    const made = sessionOperations(sessions, loaded, ordinalOf);
    // It keeps nothing in memory until it is used again.
    scratch.load(new Map(), 0);
    this.#scratches.push(scratch);
    return { outcomes, changes, after: loaded, sessionOperations: made };
  }

  /** In which of the loaded keys the scratch store differs from etcd, in the order of their last changes. */
  #changesOf(records: EtcdRecords, scratch: Scratch): readonly EtcdChange[] {
    const { timeMs } = this.#options;
    const last = scratch.lastChanges();
    const changed: ChangedKey[] = [];
    for (const [key, before] of records) {
      const now = scratch.get(key);
      // A key past its deadline that a command has found is gone before anybody hears of it.
      const isChanged = now === undefined ? before !== undefined : now.revision !== before?.revision;
      if (isChanged) changed.push({ key, before, now, last: last.get(key) });
    }
    changed.sort((a, b) => (a.last?.order ?? 0) - (b.last?.order ?? 0));
    return changed.map(({ key, before, now, last: change }, ordinal) => {
      const event = change?.event ?? ChangeEvent.plain;
      if (now !== undefined) {
        const { value, version, deadlineMs } = now;
        return { key, stored: { ordinal, event, value, version, deadlineMs } };
      }
      const isOverNow = before !== undefined && isOver(before, timeMs());
      const isExpired = change?.kind === 'expired' || (change === undefined && isOverNow);
      const removal: Removal = { kind: isExpired ? 'expired' : 'deleted', event };
      return { key, stored: undefined, removal };
    });
  }

  /** The changes with leases for those that have deadlines. */
  async #leased(changes: readonly EtcdChange[]): Promise<readonly EtcdChange[]> {
    if (changes.every(({ stored }) => stored === undefined || stored.deadlineMs === 0)) return changes;
    const { leases, timeMs } = this.#options;
    const leased: EtcdChange[] = [];
    for (const change of changes) {
      const deadlineMs = change.stored?.deadlineMs ?? 0;
      leased.push(deadlineMs === 0 ? change : { ...change, lease: await leases.take(deadlineMs, timeMs()) });
    }
    return leased;
  }

  /** Undefined, and nothing was written, if a lease was over that was to be attached. */
  async #write({ records, sessions }: Loaded, executed: ExecutedTransaction, endMs: number) {
    const { keys, leases, environment } = this.#options;
    const unchanged = new Map([...unchangedRecords(records), ...unchangedSessions(sessions)]);
    const operations = operationsFor(executed);
    try {
      return await keys.names.commit(unchanged, operations, Math.max(1, endMs - environment.nowMs()));
    } catch (error) {
      if (!(error instanceof EtcdRefusalError && error.isLeaseGone)) throw error;
      leases.forget();
      return undefined;
    }
  }
}

/** What etcd has of all that some commands touch. */
interface Loaded {
  readonly records: EtcdRecords;
  readonly sessions: LoadedSessions;
  /** All of it was read at one time. Else it is so only if a transaction that compares it is done. */
  readonly isAtOneTime: boolean;
}

/** What commands came to on what was loaded, and what etcd is to be told of it. */
interface ExecutedTransaction {
  readonly outcomes: readonly Executed[];
  readonly changes: readonly EtcdChange[];
  /** The sessions as they are after the commands. */
  readonly after: readonly ClientSession[];
  readonly sessionOperations: readonly Operation[];
}

/** A key that commands have changed: what etcd has of it, and what the commands have left. */
interface ChangedKey {
  readonly key: string;
  readonly before: EtcdRecord | undefined;
  readonly now: KeyRecord | undefined;
  readonly last: LastChange | undefined;
}

/** What a client is told of a command that was executed before the revision of its changes was known. */
function told(
  outcome: Executed,
  command: SharedCommand | undefined,
  sessions: LoadedSessions,
  changes: readonly EtcdChange[],
  modRevision: number,
): Executed {
  if (outcome.type !== 'written' || command === undefined) return outcome;
  const { result } = outcome;
  const { request } = command;
  if (result.type !== 'added' && result.type !== 'stored-at') return outcome;
  if (request.type === 'once' && isRepeat(sessions, request)) return outcome;
  const ordinal = ordinalIn(changes, command);
  const revised: CommandResult = { ...result, revision: revisionOf(modRevision, ordinal) };
  return { type: 'written', result: revised };
}

/** How many changes come before that of the command's key. */
function ordinalIn(changes: readonly EtcdChange[], command: SharedCommand | undefined): number {
  const key = command?.reach.keys[0];
  return changes.find((change) => change.key === key)?.stored?.ordinal ?? 0;
}

function refusalOf({ keys, isWrite, sessionKeys }: KeysReach): Outcome | undefined {
  const limit = isWrite ? MAX_TXN_KEYS - sessionKeys : MAX_KEYS_OF_COMMAND;
  if (new Set(keys).size <= limit) return undefined;
  const does = isWrite ? 'writes' : 'reads';
  return {
    type: 'refused',
    reason: `ERR a command or transaction ${does} no more than ${limit} keys of etcd`,
  };
}

function half(shared: readonly SharedCommand[]): SharedCommand[] {
  return shared.slice(0, Math.ceil(shared.length / 2));
}

function keysOf(shared: readonly SharedCommand[]): readonly string[] {
  return [...new Set(shared.flatMap(({ reach }) => reach.keys))];
}

/** How many operations it takes: etcd takes no more of them than of keys. */
function countOf({ changes, sessionOperations }: ExecutedTransaction): number {
  const hasNote = changes.some(({ removal }) => removal?.kind === 'deleted');
  return changes.length + sessionOperations.length + (hasNote ? 1 : 0);
}

function operationsFor({ changes, sessionOperations }: ExecutedTransaction): readonly Operation[] {
  return [...operationsOf(changes), ...sessionOperations];
}

/** The bytes of a transaction: each key is also compared. */
function sizeOf({ changes, sessionOperations }: ExecutedTransaction): number {
  let size = 0;
  for (const { key, stored } of changes)
    size += 3 * key.length + VALUE_HEADER_BYTES + (stored?.value.length ?? 0);
  for (const operation of sessionOperations)
    size += 3 * operation.name.length + (operation.type === 'put' ? operation.value.length : 0);
  return size;
}
