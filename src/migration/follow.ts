/**
 * Moves a running cluster's keys into etcd: copies all, goes on with each change, and at the cut-over has writes wait until the
 * last change is there and both are found equal. The mark in etcd says up to which revision it is: from there it goes on after a
 * kill.
 */

import type { Address, ClientWorld } from '../client/world.js';
import type { Environment } from '../environment.js';
import { messageOf } from '../error-message.js';
import { MAX_PUT_BYTES, MAX_PUT_RECORDS } from '../migration-limits.js';
import type { ClusterLink } from './cluster-link.js';
import { compareWithCluster } from './compare.js';
import { NO_CHANGE, type StoreChange } from './etcd-store.js';
import { commitOnce, type EtcdTargetOptions, putLeased } from './etcd-target.js';
import { Feed, type FeedChange } from './feed.js';
import { fieldsIn } from './mark.js';
import { MigrationError } from './migration-errors.js';
import { bytesOf, type MigratedRecord, type SumOfRecords } from './record.js';

const FORMAT = 1;
const ABSENT = 0n;
const MS_PER_S = 1_000;
/** How often it looks whether the cut-over is wanted, while nothing changes. */
const WAIT_MS = 50;

export interface FollowProgress {
  readonly does: 'copies' | 'follows' | 'verifies';
  /** Keys that were copied or compared, or changes that were followed. */
  readonly count: number;
}

export interface FollowOptions extends EtcdTargetOptions {
  readonly environment: Environment;
  readonly address: Address;
  /** As the user has named it. */
  readonly name: string;
  readonly password: string | undefined;
  readonly world: ClientWorld;
  readonly link: ClusterLink;
  /** How long writes may wait at the cut-over. */
  readonly pauseMs: number;
  readonly onProgress: (progress: FollowProgress) => void;
  readonly say: (line: string) => void;
}

export interface Moved {
  readonly sum: SumOfRecords;
  /** From the pause of writes until all was there and equal. */
  readonly pausedMs: number;
}

/** What is about to be written by one transaction: undefined for a key that goes. */
interface Batch {
  readonly changes: Map<string, MigratedRecord | undefined>;
  readonly expiring: Set<string>;
  bytes: number;
  revision: number;
}

export class Follow {
  readonly #options: FollowOptions;
  #feed: Feed | undefined;
  #modRevision: bigint = ABSENT;
  /** Tells one mark from the next. */
  #transactions = 0;
  /** All changes up to here are in etcd; 0 while all keys are copied. */
  #revision = 0;
  #count = 0;
  #batch = newBatch();
  #isWanted = false;

  constructor(options: FollowOptions) {
    this.#options = options;
  }

  /** Has the cut-over come as soon as all is copied. */
  cutOver(): void {
    this.#isWanted = true;
  }

  /** Resolves after the cut-over. Rejects with MigrationError, or a KvError: then it can be gone on with. */
  async run(): Promise<Moved> {
    const { address, password, world } = this.#options;
    await this.#begin();
    this.#feed = new Feed({ address, password, world, from: this.#revision === 0 ? 0 : this.#revision + 1 });
    try {
      await this.#followUntil(() => this.#isWanted && this.#revision !== 0);
      return await this.#cutOver();
    } finally {
      this.#feed.close();
    }
  }

  close(): void {
    this.#feed?.close();
    this.#options.store.close();
  }

  async #begin(): Promise<void> {
    const { store, name, say } = this.#options;
    const mark = await store.readMark();
    const { keys } = await store.facts();
    this.#modRevision = mark?.modRevision ?? ABSENT;
    const found = mark === undefined ? undefined : fieldsIn(mark.text);
    const isOpen = found?.get('state') === 'follows';
    if (!isOpen) {
      if (keys > 0)
        throw new MigrationError(
          `there are ${keys} keys with that prefix in etcd: name another --etcd-prefix`,
        );
      await this.#commit(NO_CHANGE, { isFirst: true });
      return;
    }
    const revision = found.get('revision');
    if (found.get('format') !== FORMAT || typeof revision !== 'number')
      throw new MigrationError(
        'what a migration has written in etcd is of another version: empty the prefix',
      );
    if (found.get('source') !== this.#source)
      throw new MigrationError(
        `another migration was begun there, of ${found.get('source')}: empty the prefix first`,
      );
    this.#revision = revision;
    if (revision !== 0) {
      say(`goes on after revision ${revision}`);
      return;
    }
    say(`${name} was not copied as a whole: begins anew`);
    await this.#commit({ type: 'all-go' });
  }

  get #source(): string {
    return `cluster ${this.#options.name}`;
  }

  async #followUntil(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      const changes = (await this.#feed?.take(WAIT_MS)) ?? [];
      for (const change of changes) await this.#take(change);
      await this.#flush();
    }
  }

  async #take(change: FeedChange): Promise<void> {
    this.#checkOrder(change);
    switch (change.type) {
      case 'reset':
        this.#options.say(`${this.#options.name} keeps the next changes no more: begins anew`);
        this.#batch = newBatch();
        this.#revision = 0;
        this.#count = 0;
        await this.#commit({ type: 'all-go' });
        return;
      case 'synced':
        await this.#flush();
        this.#revision = change.revision;
        this.#count = 0;
        await this.#commit(NO_CHANGE);
        this.#options.onProgress({ does: 'follows', count: 0 });
        return;
      case 'flushed':
        this.#batch = newBatch();
        this.#moveTo(change.revision);
        await this.#commit({ type: 'all-go' });
        return;
      case 'other-type':
        throw new MigrationError(
          `etcd takes strings alone, and this is a ${change.holds}: ${JSON.stringify(change.key)}`,
        );
      case 'set': {
        const { key, value, version, revision, expires } = change;
        await this.#add(key, { key, value, version, revision, deadlineMs: 0 }, revision, expires);
        return;
      }
      case 'removed':
        await this.#add(change.key, undefined, change.revision, false);
    }
  }

  /** A cluster counts its changes one by one, so none can be missing unseen. Throws MigrationError. */
  #checkOrder(change: FeedChange): void {
    const isCopied = this.#revision !== 0;
    if (!isCopied || !('revision' in change) || change.type === 'synced') return;
    const before = Math.max(this.#revision, this.#batch.revision);
    if (change.revision !== before + 1)
      throw new MigrationError(
        `${this.#options.name} tells revision ${change.revision} after ${before}: something is missing, run it again`,
      );
  }

  async #add(
    key: string,
    record: MigratedRecord | undefined,
    revision: number,
    expires: boolean,
  ): Promise<void> {
    const bytes = record === undefined ? key.length : bytesOf(record);
    const isFull = this.#batch.changes.size === MAX_PUT_RECORDS || this.#batch.bytes + bytes > MAX_PUT_BYTES;
    if (isFull && this.#batch.changes.size > 0) await this.#flush();
    this.#batch.changes.set(key, record);
    if (expires) this.#batch.expiring.add(key);
    else this.#batch.expiring.delete(key);
    this.#batch.bytes += bytes;
    this.#batch.revision = revision;
    this.#count += 1;
  }

  async #flush(): Promise<void> {
    const { changes, expiring, revision } = this.#batch;
    if (changes.size === 0) return;
    this.#batch = newBatch();
    const keys = [...expiring];
    const deadlines = await this.#options.link.deadlines(keys);
    for (const [place, key] of keys.entries()) {
      const record = changes.get(key);
      const deadlineMs = deadlines[place];
      // One that is gone by now is told to be gone, or changed, later.
      changes.set(
        key,
        record === undefined || deadlineMs === undefined ? undefined : { ...record, deadlineMs },
      );
    }
    this.#moveTo(revision);
    const records = [...changes.values()].filter((record) => record !== undefined);
    await putLeased(this.#options, records, (put) => {
      const there = new Set(put.map(({ record: { key } }) => key));
      const removed = [...changes.keys()].filter((key) => !there.has(key));
      return this.#commit({ type: 'some', put, removed });
    });
    this.#options.onProgress({ does: this.#revision === 0 ? 'copies' : 'follows', count: this.#count });
  }

  /** While all keys are copied, there is no revision that could be gone on from. */
  #moveTo(revision: number): void {
    if (this.#revision !== 0) this.#revision = revision;
  }

  async #commit(change: StoreChange, { isFirst = false } = {}): Promise<void> {
    this.#transactions += 1;
    const place = { revision: this.#revision, transactions: this.#transactions };
    const mark = JSON.stringify({ format: FORMAT, state: 'follows', source: this.#source, ...place });
    this.#modRevision = await commitOnce(this.#options, {
      change,
      mark,
      expected: this.#modRevision,
      isFirst,
    });
  }

  /** Where it fails, writes go on as before. */
  async #cutOver(): Promise<Moved> {
    const { link, environment, pauseMs, say, onProgress } = this.#options;
    const onCompared = (count: number) => onProgress({ does: 'verifies', count });
    const startMs = environment.nowMs();
    const endMs = startMs + pauseMs;
    try {
      await link.pauseWrites(pauseMs);
      while (environment.nowMs() < endMs) {
        const last = await link.lastRevision();
        await this.#followUntil(() => this.#revision >= last || environment.nowMs() >= endMs);
        const sum = await compareWithCluster({ ...this.#options, onCompared }, endMs);
        // Keys expire during a pause, too.
        if (sum === undefined || (await link.lastRevision()) > this.#revision) continue;
        const pausedMs = environment.nowMs() - startMs;
        if (pausedMs >= pauseMs) break;
        await this.#finish(sum);
        return { sum, pausedMs };
      }
      throw new MigrationError(`not all was there within ${pauseMs / MS_PER_S} s: name a longer --pause`);
    } catch (error) {
      await link
        .resumeWrites()
        .catch((failure: unknown) => say(`writes wait until the pause ends: ${messageOf(failure)}`));
      throw error;
    }
  }

  async #finish({ count }: SumOfRecords): Promise<void> {
    const mark = JSON.stringify({ format: FORMAT, state: 'done', source: this.#source, count });
    this.#modRevision = await commitOnce(this.#options, {
      change: NO_CHANGE,
      mark,
      expected: this.#modRevision,
    });
  }
}

function newBatch(): Batch {
  return { changes: new Map(), expiring: new Set(), bytes: 0, revision: 0 };
}
