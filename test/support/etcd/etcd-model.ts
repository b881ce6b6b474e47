/**
 * A model of etcd, in memory: keys with revisions, transactions, leases and watches, behind the interface that the real one has.
 * Calls take the time that `faults` says, and may have no answer, done or not.
 */

import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { type Environment, sleep } from '../../../src/environment.js';
import { EtcdNoAnswerError, EtcdRefusalError, EtcdUnreachableError } from '../../../src/etcd/etcd-errors.js';
import type { EtcdTransport, EtcdWatch } from '../../../src/etcd/etcd-transport.js';
import {
  DELETE,
  KV,
  Lease,
  Watch,
  type WatchResponse,
  type WatchStart,
} from '../../../src/etcd/rpc/messages.js';

const MS_PER_S = 1000;
const OUT_OF_RANGE = 11;
const RESOURCE_EXHAUSTED = 8;
const NOT_FOUND = 5;
const MAX_OPERATIONS = 128;

type TxnRequest = MessageShape<typeof KV.txn.input>;
type TxnResponse = MessageShape<typeof KV.txn.output>;
type RangeRequest = MessageShape<typeof KV.range.input>;
type Operation = TxnRequest['success'][number];

/** What a key was from a revision on: undefined where it was removed. */
interface Version {
  readonly modRevision: bigint;
  readonly kept:
    | { readonly value: Uint8Array; readonly createRevision: bigint; readonly lease: bigint }
    | undefined;
}

/** What becomes of a call. */
export interface Fate {
  readonly delayMs: number;
  readonly type: 'answered' | 'unreachable' | 'lost before' | 'lost after';
}

export class EtcdModel {
  readonly #environment: Environment;
  readonly #versions = new Map<string, Version[]>();
  readonly #events: { readonly key: string; readonly version: Version }[] = [];
  readonly #leases = new Map<bigint, { ttlS: bigint; endMs: number; readonly keys: Set<string> }>();
  readonly #onEvents = new Set<() => void>();
  revision = 1n;
  #compacted = 0n;
  #lastLease = 0n;
  /** The alarm NOSPACE is on. */
  isFull = false;
  /** Names that transactions compare in vain: as if whoever sends them had forgotten it. */
  ignores: (key: string) => boolean = () => false;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** One client's way to it. */
  connect(fateOf: () => Fate): EtcdTransport {
    const call = async <I extends DescMessage, O extends DescMessage>(
      method: DescMethodUnary<I, O>,
      request: MessageInitShape<I>,
      timeoutMs: number,
    ): Promise<MessageShape<O>> => {
      const { delayMs, type } = fateOf();
      const bytes = toBinary(method.input, create(method.input, request));
      if (type === 'unreachable') throw new EtcdUnreachableError('so it was drawn');
      await sleep(this.#environment, delayMs);
      const answer = type === 'lost before' ? undefined : this.#answer(method.name, bytes);
      await sleep(this.#environment, delayMs);
      if (type === 'answered' && answer !== undefined) return fromBinary(method.output, answer);
      await sleep(this.#environment, Math.max(0, timeoutMs - 2 * delayMs));
      throw new EtcdNoAnswerError('so it was drawn');
    };
    return {
      call,
      keepAlive: async (lease) => {
        this.#endLeases();
        const kept = this.#leases.get(lease);
        if (kept === undefined) return 0;
        kept.endMs = this.#environment.nowMs() + Number(kept.ttlS) * MS_PER_S;
        return Number(kept.ttlS);
      },
      watch: (start) => this.#watch(start),
      close: () => undefined,
    };
  }

  /** Forgets what was before that revision. */
  compact(revision: bigint): void {
    this.#compacted = revision;
  }

  #answer(method: string, bytes: Uint8Array): Uint8Array {
    this.#endLeases();
    switch (method) {
      case KV.txn.name:
        return toBinary(KV.txn.output, this.#txn(fromBinary(KV.txn.input, bytes)));
      case KV.range.name:
        return toBinary(KV.range.output, this.#range(fromBinary(KV.range.input, bytes)));
      case Lease.leaseGrant.name: {
        const { TTL } = fromBinary(Lease.leaseGrant.input, bytes);
        this.#lastLease += 1n;
        const endMs = this.#environment.nowMs() + Number(TTL) * MS_PER_S;
        this.#leases.set(this.#lastLease, { ttlS: TTL, endMs, keys: new Set() });
        return toBinary(
          Lease.leaseGrant.output,
          create(Lease.leaseGrant.output, { ID: this.#lastLease, TTL }),
        );
      }
      case Lease.leaseRevoke.name: {
        const { ID } = fromBinary(Lease.leaseRevoke.input, bytes);
        if (!this.#leases.has(ID))
          throw new EtcdRefusalError(NOT_FOUND, 'etcdserver: requested lease not found');
        this.#revoke(ID);
        return toBinary(Lease.leaseRevoke.output, create(Lease.leaseRevoke.output, {}));
      }
      default:
        throw new TypeError(`the model does not know ${method}`);
    }
  }

  #txn({ compare, success, failure }: TxnRequest): TxnResponse {
    if (Math.max(compare.length, success.length, failure.length) > MAX_OPERATIONS)
      throw new EtcdRefusalError(3, 'etcdserver: too many operations in txn request');
    const succeeded = compare.every(({ key, targetUnion }) => {
      if (this.ignores(textOf(key))) return true;
      const last = this.#versions.get(textOf(key))?.at(-1);
      const modRevision = last?.kept === undefined ? 0n : last.modRevision;
      return targetUnion.case === 'modRevision' && targetUnion.value === modRevision;
    });
    const operations = succeeded ? success : failure;
    const puts = operations.flatMap(({ request }) =>
      request.case === 'requestPut' ? [textOf(request.value.key)] : [],
    );
    if (new Set(puts).size < puts.length)
      throw new EtcdRefusalError(3, 'etcdserver: duplicate key given in txn request');
    if (this.isFull && puts.length > 0)
      throw new EtcdRefusalError(RESOURCE_EXHAUSTED, 'etcdserver: mvcc: database space exceeded');
    for (const { request } of operations)
      if (
        request.case === 'requestPut' &&
        request.value.lease !== 0n &&
        !this.#leases.has(request.value.lease)
      )
        throw new EtcdRefusalError(NOT_FOUND, 'etcdserver: requested lease not found');
    const changes = new Map<string, Version>();
    const responses = operations.map((operation) => this.#operate(operation, changes));
    this.#apply(changes);
    return create(KV.txn.output, { header: { revision: this.revision }, succeeded, responses });
  }

  #operate({ request }: Operation, changes: Map<string, Version>): TxnResponse['responses'][number] {
    const modRevision = this.revision + 1n;
    const output = create(KV.txn.output, { responses: [{}] }).responses[0];
    if (output === undefined) throw new TypeError('there is no response');
    switch (request.case) {
      case 'requestRange':
        output.response = { case: 'responseRange', value: this.#range(request.value) };
        break;
      case 'requestPut': {
        const { key, value, lease } = request.value;
        const createRevision = this.#current(textOf(key))?.createRevision ?? modRevision;
        changes.set(textOf(key), { modRevision, kept: { value, lease, createRevision } });
        break;
      }
      case 'requestDeleteRange':
        for (const key of this.#keysIn(request.value))
          if (this.#current(key) !== undefined) changes.set(key, { modRevision, kept: undefined });
        break;
      default:
        throw new TypeError('an operation of no kind');
    }
    return output;
  }

  #range(request: RangeRequest): MessageShape<typeof KV.range.output> {
    const { revision, limit, keysOnly, countOnly } = request;
    if (revision !== 0n && revision < this.#compacted)
      throw new EtcdRefusalError(OUT_OF_RANGE, 'etcdserver: mvcc: required revision has been compacted');
    const found = this.#keysIn(request).flatMap((key) => {
      const version = this.#versions
        .get(key)
        ?.findLast((one) => revision === 0n || one.modRevision <= revision);
      if (version?.kept === undefined) return [];
      const { value, createRevision, lease } = version.kept;
      const { modRevision } = version;
      return [
        { key: bytesOf(key), value: keysOnly ? new Uint8Array() : value, createRevision, lease, modRevision },
      ];
    });
    const kvs = limit === 0n ? found : found.slice(0, Number(limit));
    return create(KV.range.output, {
      header: { revision: this.revision },
      kvs: countOnly ? [] : kvs,
      count: BigInt(found.length),
      more: kvs.length < found.length,
    });
  }

  #keysIn({ key, rangeEnd }: { readonly key: Uint8Array; readonly rangeEnd: Uint8Array }): readonly string[] {
    const first = textOf(key);
    if (rangeEnd.length === 0) return this.#versions.has(first) ? [first] : [];
    const end = textOf(rangeEnd);
    return [...this.#versions.keys()].filter((one) => one >= first && one < end).sort();
  }

  #current(key: string): Version['kept'] {
    return this.#versions.get(key)?.at(-1)?.kept;
  }

  #apply(changes: ReadonlyMap<string, Version>): void {
    if (changes.size === 0) return;
    this.revision += 1n;
    for (const [key, version] of changes) {
      const before = this.#current(key);
      if (before !== undefined) this.#leases.get(before.lease)?.keys.delete(key);
      if (version.kept !== undefined) this.#leases.get(version.kept.lease)?.keys.add(key);
      this.#versions.set(key, [...(this.#versions.get(key) ?? []), version]);
      this.#events.push({ key, version });
    }
    for (const onEvents of this.#onEvents) onEvents();
  }

  #endLeases(): void {
    const nowMs = this.#environment.nowMs();
    for (const [id, { endMs }] of this.#leases) if (endMs <= nowMs) this.#revoke(id);
  }

  #revoke(id: bigint): void {
    const modRevision = this.revision + 1n;
    const keys = [...(this.#leases.get(id)?.keys ?? [])];
    this.#leases.delete(id);
    this.#apply(new Map(keys.map((key) => [key, { modRevision, kept: undefined }])));
  }

  #watch({ key, rangeEnd, startRevision = 0n }: WatchStart): EtcdWatch {
    const first = textOf(key ?? new Uint8Array());
    const end = textOf(rangeEnd ?? new Uint8Array());
    let isClosed = false;
    let wake: () => void = () => undefined;
    const onEvents = () => wake();
    this.#onEvents.add(onEvents);
    const answers = async function* (model: EtcdModel): AsyncGenerator<WatchResponse, void, undefined> {
      yield responseOf({ created: true });
      if (startRevision < model.#compacted) {
        yield responseOf({ canceled: true, compactRevision: model.#compacted });
        return;
      }
      let place = model.#events.findIndex(({ version }) => version.modRevision >= startRevision);
      if (place === -1) place = model.#events.length;
      while (!isClosed) {
        const events = model.#events.slice(place).filter((one) => one.key >= first && one.key < end);
        place = model.#events.length;
        if (events.length > 0)
          yield responseOf({
            events: events.map(({ key: name, version: { modRevision, kept } }) => ({
              type: kept === undefined ? DELETE : 0,
              kv: { key: bytesOf(name), modRevision, value: kept?.value ?? new Uint8Array() },
            })),
          });
        else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
    };
    return {
      [Symbol.asyncIterator]: () => answers(this),
      askProgress: () => undefined,
      close: () => {
        isClosed = true;
        this.#onEvents.delete(onEvents);
        wake();
      },
    };
  }
}

function responseOf(init: MessageInitShape<typeof Watch.watch.output>): WatchResponse {
  return create(Watch.watch.output, init);
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}
