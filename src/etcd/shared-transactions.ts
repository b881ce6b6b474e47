/**
 * Executes commands of many clients by as few transactions of etcd as their keys allow: reads all their keys at one time,
 * executes the commands in their order on a scratch store, and writes what has changed if none of the keys has changed
 * meanwhile. Else it executes them anew.
 */

import type { Environment } from '../environment.js';
import {
  MAX_ATTEMPTS,
  MAX_KEYS_OF_COMMAND,
  MAX_SHARED_BYTES,
  MAX_SHARED_COMMANDS,
  MAX_TXN_BYTES,
  MAX_TXN_KEYS,
  SHARED_ATTEMPTS,
} from '../etcd-limits.js';
import type { CommandResult } from '../protocol/command.js';
import type { Request } from '../protocol/request.js';
import { ContendedError, EtcdRefusalError } from './etcd-errors.js';
import { type EtcdChange, type EtcdKeys, type EtcdRecords, revisionOf } from './etcd-keys.js';
import { KnownRecords } from './known-records.js';
import type { Leases } from './leases.js';
import type { Reach } from './reach.js';
import type { Executed, Scratch } from './scratch.js';
import { VALUE_HEADER_BYTES } from './value-codec.js';

type KeysReach = Extract<Reach, { type: 'keys' }>;

export interface SharedCommand {
  readonly request: Request;
  readonly reach: KeysReach;
}

/** What a command came to, or that it was not executed since it asks for too much: an error of Redis. */
export type Outcome = Executed | { readonly type: 'refused'; readonly reason: string };

const TOO_MUCH_WRITTEN: Outcome = {
  type: 'refused',
  reason: `ERR a command writes no more than ${MAX_TXN_BYTES} bytes to etcd`,
};

export interface SharedTransactionsOptions {
  readonly environment: Pick<Environment, 'nowMs'>;
  readonly keys: EtcdKeys;
  readonly leases: Leases;
  readonly scratch: Scratch;
  /** The time that deadlines are counted in, in ms since the epoch. */
  readonly timeMs: () => number;
}

export class SharedTransactions {
  readonly #options: SharedTransactionsOptions;
  readonly #known: KnownRecords;

  constructor(options: SharedTransactionsOptions) {
    this.#options = options;
    this.#known = new KnownRecords(() => options.environment.nowMs());
  }

  /**
   * Executes the first of the commands, as many as can share a transaction: at least one. Resolves to what they came to, in
   * their order. Rejects with ContendedError, or as EtcdTransport does. Only after an EtcdNoAnswerError something may have been
   * done, and only if `isWriting` was called.
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
    let shared = commands.slice(0, sharedCount(commands));
    let { records, isAtOneTime } = await this.#recordsOf(shared);
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
      const { outcomes, changes } = await this.#executeOn(records, shared);
      const isTooMuch = sizeOf(changes) > MAX_TXN_BYTES;
      if (changes.length === 0 && isAtOneTime) return outcomes;
      if (!isAtOneTime && (changes.length === 0 || isTooMuch)) {
        // Nothing will be compared: what was known may not be so any more.
        records = await this.#read(shared);
        isAtOneTime = true;
        continue;
      }
      if (isTooMuch) {
        if (shared.length === 1) return [TOO_MUCH_WRITTEN];
        shared = half(shared);
        records = new Map(keysOf(shared).map((key) => [key, records.get(key)]));
        continue;
      }
      const leased = await this.#leased(changes);
      isWriting(shared.length);
      const modRevision = await this.#write(records, leased, endMs);
      if (modRevision !== undefined) {
        this.#known.written(leased, modRevision);
        return outcomes.map((one, place) => told(one, shared[place], leased, modRevision));
      }
      isWriting(0);
      this.#known.changed(records.keys());
      // Those who want the same keys get in each other's way less if each wants fewer.
      if (attempt >= SHARED_ATTEMPTS && shared.length > 1) shared = half(shared);
      records = await this.#read(shared);
      isAtOneTime = true;
    }
    throw new ContendedError();
  }

  /**
   * The records of the commands' keys. Where some of the commands write, what is known is taken as it is, for it will be
   * compared; else they are all as of one time.
   */
  async #recordsOf(
    shared: readonly SharedCommand[],
  ): Promise<{ records: EtcdRecords; isAtOneTime: boolean }> {
    const keys = keysOf(shared);
    const known = shared.some(({ reach }) => reach.isWrite) ? this.#known.of(keys) : new Map();
    if (known.size === 0) return { records: await this.#read(shared), isAtOneTime: true };
    const unknown = keys.filter((key) => !known.has(key));
    const read = await this.#options.keys.read(unknown);
    this.#known.read(read);
    const records = new Map(keys.map((key) => [key, known.get(key) ?? read.get(key)]));
    return { records, isAtOneTime: false };
  }

  async #read(shared: readonly SharedCommand[]): Promise<EtcdRecords> {
    const records = await this.#options.keys.read(keysOf(shared));
    this.#known.read(records);
    return records;
  }

  async #executeOn(
    records: EtcdRecords,
    shared: readonly SharedCommand[],
  ): Promise<{ readonly outcomes: readonly Executed[]; readonly changes: readonly EtcdChange[] }> {
    const { scratch, timeMs } = this.#options;
    const nowMs = timeMs();
    scratch.load(records, nowMs);
    const outcomes: Executed[] = [];
    for (const { request } of shared) outcomes.push(await scratch.execute(request));
    return { outcomes, changes: this.#changesOf(records) };
  }

  /** In which of the loaded keys the scratch store differs from etcd: puts in the order of their last change, then removals. */
  #changesOf(records: EtcdRecords): readonly EtcdChange[] {
    const { scratch } = this.#options;
    const removed: EtcdChange[] = [];
    const put: {
      readonly key: string;
      readonly order: number;
      readonly record: Omit<StoredRecord, 'ordinal'>;
    }[] = [];
    for (const [key, before] of records) {
      const now = scratch.get(key);
      if (now === undefined) {
        // Also a key past its deadline that a command has found: it is gone before anybody hears of it.
        if (before !== undefined) removed.push({ key, stored: undefined });
      } else if (before === undefined || now.revision !== before.revision) {
        const { value, version, deadlineMs } = now;
        put.push({ key, order: now.revision, record: { value, version, deadlineMs } });
      }
    }
    put.sort((a, b) => a.order - b.order);
    const stored = put.map(({ key, record }, ordinal) => ({ key, stored: { ...record, ordinal } }));
    return [...stored, ...removed];
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
  async #write(records: EtcdRecords, changes: readonly EtcdChange[], endMs: number) {
    const { keys, leases, environment } = this.#options;
    try {
      return await keys.write(records, changes, Math.max(1, endMs - environment.nowMs()));
    } catch (error) {
      if (!(error instanceof EtcdRefusalError && error.isLeaseGone)) throw error;
      leases.forget();
      return undefined;
    }
  }
}

type StoredRecord = NonNullable<EtcdChange['stored']>;

/** What a client is told of a command that was executed before the revision of its changes was known. */
function told(
  outcome: Executed,
  command: SharedCommand | undefined,
  changes: readonly EtcdChange[],
  modRevision: number,
): Executed {
  if (outcome.type !== 'written' || command === undefined) return outcome;
  const { result } = outcome;
  if (result.type !== 'added' && result.type !== 'stored-at') return outcome;
  const [key] = command.reach.keys;
  const ordinal = changes.find((change) => change.key === key)?.stored?.ordinal ?? 0;
  const revised: CommandResult = { ...result, revision: revisionOf(modRevision, ordinal) };
  return { type: 'written', result: revised };
}

/** How many of the commands can share a transaction. */
function sharedCount(commands: readonly SharedCommand[]): number {
  const keys = new Set<string>();
  const written = new Set<string>();
  /** The last changes of these keys must be those that were told of. */
  const told = new Set<string>();
  let byteLength = 0;
  let count = 0;
  for (const { reach } of commands) {
    byteLength += reach.byteLength;
    const added = reach.keys.filter((key) => !keys.has(key)).length;
    const isFull = keys.size + added > MAX_TXN_KEYS || byteLength > MAX_SHARED_BYTES;
    if (count > 0 && (isFull || count === MAX_SHARED_COMMANDS)) break;
    if (reach.tellsRevision && reach.keys.some((key) => written.has(key))) break;
    if (reach.isWrite && reach.keys.some((key) => told.has(key))) break;
    for (const key of reach.keys) {
      keys.add(key);
      if (reach.isWrite) written.add(key);
      if (reach.isWrite && reach.tellsRevision) told.add(key);
    }
    count += 1;
  }
  return Math.max(1, count);
}

function refusalOf({ keys, isWrite }: KeysReach): Outcome | undefined {
  const limit = isWrite ? MAX_TXN_KEYS : MAX_KEYS_OF_COMMAND;
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

/** The bytes of a transaction with these changes: each key is also compared, and read if it is not as it was. */
function sizeOf(changes: readonly EtcdChange[]): number {
  return changes.reduce(
    (sum, { key, stored }) => sum + 3 * key.length + VALUE_HEADER_BYTES + (stored?.value.length ?? 0),
    0,
  );
}
