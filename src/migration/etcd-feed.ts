/** The changes of all keys in etcd after one of its revisions, as its watch tells them. */

import { type Environment, sleep } from '../environment.js';
import { FIRST_WATCHED, HERE, WATCHED_END } from '../etcd/etcd-keys.js';
import { EtcdNames } from '../etcd/etcd-names.js';
import type { EtcdTransport, EtcdWatch } from '../etcd/etcd-transport.js';
import { DELETE, type WatchResponse } from '../etcd/rpc/messages.js';
import { changesIn, type NamedEvent } from '../etcd/watch-events.js';
import { READ_TIMEOUT_MS, RETRY_PAUSE_MS } from '../etcd-limits.js';
import { MAX_ETCD_SILENCE_MS } from '../migration-limits.js';
import type { KeyChange } from '../state-machine/history.js';
import { isSilence, patiently } from './etcd-store.js';
import { CompactedError, MigrationError } from './migration-errors.js';

export interface EtcdFeedOptions {
  readonly transport: EtcdTransport;
  readonly prefix: string;
  readonly environment: Environment;
  /** etcd's revision whose changes, and those before it, are known. */
  readonly after: bigint;
  /** Takes all changes of some revisions of etcd. Where it throws, the feed has failed. */
  readonly take: (changes: readonly KeyChange[]) => void;
}

interface Waiter {
  readonly revision: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class EtcdFeed {
  readonly #options: EtcdFeedOptions;
  readonly #names: EtcdNames;
  #told: number;
  #heardMs: number;
  #watch: EtcdWatch | undefined;
  #waiters: Waiter[] = [];
  #failure: { readonly error: unknown } | undefined;
  #isClosed = false;

  constructor(options: EtcdFeedOptions) {
    const { transport, prefix, environment, after } = options;
    this.#options = options;
    this.#names = new EtcdNames(transport, prefix);
    this.#told = Number(after);
    this.#heardMs = environment.nowMs();
  }

  /** etcd's revision up to which all changes were told. */
  get told(): bigint {
    return BigInt(this.#told);
  }

  /** Resolves once it is closed. Rejects with CompactedError, MigrationError, as etcd refuses, or as `take` throws. */
  async run(): Promise<void> {
    try {
      while (!this.#isClosed) {
        await this.#watchOnce();
        await sleep(this.#options.environment, RETRY_PAUSE_MS);
      }
    } catch (error) {
      this.#failure = { error };
      for (const { reject } of this.#waiters) reject(error);
      throw error;
    }
  }

  /** Resolves to a revision of etcd after all changes so far, once all up to it were told. Rejects as {@link run}. */
  async reach(): Promise<bigint> {
    const mark = { type: 'put', name: HERE, value: new Uint8Array() } as const;
    const revision = await patiently(this.#options.environment, () =>
      this.#names.commit([], [mark], READ_TIMEOUT_MS),
    );
    if (revision === undefined) throw new TypeError('a transaction that compares nothing was refused');
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#told < revision)
      await new Promise<void>((resolve, reject) => {
        this.#waiters.push({ revision, resolve, reject });
      });
    return BigInt(revision);
  }

  close(): void {
    this.#isClosed = true;
    this.#watch?.close();
  }

  async #watchOnce(): Promise<void> {
    const { transport, environment } = this.#options;
    const watch = transport.watch({
      key: this.#names.encoded(FIRST_WATCHED),
      rangeEnd: this.#names.encoded(WATCHED_END),
      startRevision: BigInt(this.#told + 1),
      fragment: true,
    });
    this.#watch = watch;
    try {
      await this.#takeAll(watch);
    } catch (error) {
      if (!isSilence(error)) throw error;
      if (environment.nowMs() - this.#heardMs > MAX_ETCD_SILENCE_MS)
        throw new MigrationError(`${error.message}: run it again once etcd answers, it goes on from here`, {
          cause: error,
        });
    } finally {
      watch.close();
    }
  }

  async #takeAll(watch: EtcdWatch): Promise<void> {
    let events: NamedEvent[] = [];
    for await (const answer of watch) {
      this.#heardMs = this.#options.environment.nowMs();
      if (answer.canceled && answer.compactRevision !== 0n) throw new CompactedError(`${this.#told + 1}`);
      if (answer.canceled) throw new MigrationError(`etcd ends the watch: ${answer.cancelReason}`);
      events.push(...this.#eventsIn(answer));
      // A revision may go on in the next part of the answer.
      if (answer.fragment || events.length === 0) continue;
      this.#options.take(changesIn(events));
      this.#told = events.at(-1)?.modRevision ?? this.#told;
      events = [];
      for (const { revision, resolve } of this.#waiters) if (revision <= this.#told) resolve();
      this.#waiters = this.#waiters.filter(({ revision }) => revision > this.#told);
    }
  }

  #eventsIn({ events }: WatchResponse): readonly NamedEvent[] {
    return events.flatMap(({ type, kv }) => {
      if (kv === undefined) return [];
      const value = type === DELETE ? undefined : kv.value;
      return [{ name: this.#names.decoded(kv.key), modRevision: Number(kv.modRevision), value }];
    });
  }
}
