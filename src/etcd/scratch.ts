/**
 * A store that holds, for a while, just the keys that some commands touch: so the same code executes commands whether their keys
 * are kept by Raft or by etcd.
 */

import type { HashSecret } from '../bytes/byte-string.js';
import { type Environment, endOfTurn } from '../environment.js';
import { APPLY_WORK_PER_TURN, MAX_APPLY_MS_PER_TURN } from '../limits.js';
import type { Command, CommandResult, WatchedKey } from '../protocol/command.js';
import { metaReply, type RespReply } from '../protocol/reply.js';
import type { GetRequest, RedisReadRequest, Request } from '../protocol/request.js';
import { BatchEncoder } from '../state-machine/batch-encoder.js';
import { ChangeEvent } from '../state-machine/change-events.js';
import type { ChangeKind } from '../state-machine/history.js';
import type { KeyRecord } from '../state-machine/key-record.js';
import { KeyValueStore } from '../state-machine/key-value-store.js';
import { beginLongRead, executeRead } from '../state-machine/redis/execute.js';
import { watch } from '../state-machine/redis/transaction.js';
import type { ClientSession, SessionFacts } from '../state-machine/sessions/client-session.js';
import { goOn, Work } from '../state-machine/work.js';
import type { EtcdRecords } from './etcd-keys.js';

/** What a command comes to. */
export type Executed =
  | { readonly type: 'written'; readonly result: CommandResult }
  | { readonly type: 'read'; readonly reply: RespReply }
  | { readonly type: 'watched'; readonly keys: readonly WatchedKey[] };

/** Of the changes since the last {@link Scratch.load}, so many are known. */
const KEPT_CHANGES = 4_096;

/** What has become of a key last. */
export interface LastChange {
  readonly kind: ChangeKind;
  readonly event: ChangeEvent;
  /** Its place among all changes. */
  readonly order: number;
}

export class Scratch {
  readonly #environment: Environment;
  readonly #store: KeyValueStore;
  readonly #work: Work;
  readonly #encoder = new BatchEncoder();
  /** Commands that the encoder has. */
  #added = 0;
  #nowMs = 0;
  #loaded: readonly string[] = [];
  #revisionBefore = 0;

  constructor(environment: Environment, hashSecret: HashSecret) {
    this.#environment = environment;
    this.#store = new KeyValueStore(hashSecret, KEPT_CHANGES);
    this.#work = new Work(() => environment.nowMs());
  }

  /** Holds these keys, in place of those before, as they are at this time, in ms since the epoch: it never goes back. */
  load(records: EtcdRecords, nowMs: number): void {
    this.#store.unload(this.#loaded);
    this.#loaded = [...records.keys()];
    this.#nowMs = Math.max(nowMs, this.#store.clockMs);
    const live = new Map<string, KeyRecord>();
    for (const [key, record] of records)
      if (record !== undefined && !isOver(record, this.#nowMs)) live.set(key, record);
    this.#store.load(live);
    this.#revisionBefore = this.#store.lastRevision;
  }

  /** What was changed since {@link load}, by its key; without what is too long ago. */
  lastChanges(): ReadonlyMap<string, LastChange> {
    const { history, lastRevision } = this.#store;
    const changes = new Map<string, LastChange>();
    const from = Math.max(this.#revisionBefore + 1, history.first);
    history.visit(from, lastRevision, ({ key, kind, event, revision }) => {
      changes.set(key, { kind, event: eventAfter(changes.get(key), event), order: revision });
      return true;
    });
    return changes;
  }

  /** Holds these sessions, in place of those before; they are to be filled with their results. */
  loadSessions(facts: Iterable<Omit<SessionFacts, 'lastUsedMs'>>): readonly ClientSession[] {
    return this.#store.loadSessions(facts);
  }

  /** What the key holds now. */
  get(key: string): KeyRecord | undefined {
    return this.#store.get(key);
  }

  /**
   * Executes the commands, whose keys were loaded, one after another. What takes long lets others have the thread in between.
   * Resolves to what they came to, in their order.
   */
  async execute(requests: readonly Request[]): Promise<readonly Executed[]> {
    const outcomes: Executed[] = [];
    for (const request of requests) {
      if (isCommand(request)) {
        this.#add(request);
        continue;
      }
      await this.#write(outcomes);
      outcomes.push(await this.#answer(request));
    }
    await this.#write(outcomes);
    return outcomes;
  }

  async #answer(request: Request): Promise<Executed> {
    switch (request.type) {
      case 'get':
      case 'getm':
      case 'gets':
        return { type: 'read', reply: this.#get(request) };
      case 'redis-read':
        return { type: 'read', reply: { type: 'resp', value: await this.#read(request) } };
      case 'redis-watch': {
        const keyspace = this.#store.readable(this.#nowMs);
        return { type: 'watched', keys: request.keys.map((key) => watch(keyspace, key)) };
      }
      default:
        throw new TypeError(`a ${request.type} is not executed on keys`);
    }
  }

  #get(request: GetRequest): RespReply {
    const record = this.#store.readable(this.#nowMs).get(request.key);
    if (request.type !== 'get') return metaReply(request, record, this.#nowMs);
    return record === undefined ? { type: 'not-found' } : { type: 'value', value: record.value };
  }

  async #read(request: RedisReadRequest) {
    const keyspace = this.#store.readable(this.#nowMs);
    const steps = beginLongRead(keyspace, request);
    if (steps === undefined) return executeRead(keyspace, request);
    this.#store.workFor(this.#work);
    while (true) {
      this.#work.allow(APPLY_WORK_PER_TURN, MAX_APPLY_MS_PER_TURN);
      const done = goOn(steps);
      if (done !== undefined) return done.result;
      await endOfTurn(this.#environment);
    }
  }

  #add(command: Command): void {
    this.#encoder.add(command);
    while (this.#encoder.isUnfinished) this.#encoder.goOn();
    this.#added += 1;
  }

  /** Executes what was added, as one entry of a log. */
  async #write(outcomes: Executed[]): Promise<void> {
    if (this.#added === 0) return;
    const end = outcomes.length + this.#added;
    this.#added = 0;
    this.#store.begin(this.#encoder.finish(this.#nowMs), (result) =>
      outcomes.push({ type: 'written', result }),
    );
    this.#work.allow(APPLY_WORK_PER_TURN, MAX_APPLY_MS_PER_TURN);
    while (!this.#store.goOn(this.#work)) {
      await endOfTurn(this.#environment);
      this.#work.allow(APPLY_WORK_PER_TURN, MAX_APPLY_MS_PER_TURN);
    }
    if (outcomes.length !== end) throw new TypeError(`${end - outcomes.length} commands have no result`);
  }
}

function isCommand(request: Request): request is Extract<Request, Command> {
  switch (request.type) {
    case 'set':
    case 'cas':
    case 'cas-revision':
    case 'add':
    case 'delete':
    case 'delete-if':
    case 'redis':
    case 'redis-transaction':
    case 'once':
      return true;
    default:
      return false;
  }
}

/** What is told of a change together with one before it: a new deadline of what was stored just before is part of that. */
function eventAfter(before: LastChange | undefined, event: ChangeEvent): ChangeEvent {
  const isPartOfIt = event === ChangeEvent.deadline || event === ChangeEvent.silent;
  return isPartOfIt && before?.kind === 'set' ? before.event : event;
}

/** Whether the key is past its deadline. */
export function isOver({ deadlineMs }: Pick<KeyRecord, 'deadlineMs'>, nowMs: number): boolean {
  return deadlineMs !== 0 && deadlineMs <= nowMs;
}
