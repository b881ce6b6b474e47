/**
 * Moves a running cluster's keys into etcd: copies all, goes on with each change, and at the cut-over has writes wait until the
 * last change is there and both are found equal. The mark in etcd says up to which revision it is: from there it goes on after a
 * kill.
 */

import type { Address, ClientWorld } from '../client/world.js';
import type { Environment } from '../environment.js';
import { messageOf } from '../error-message.js';
import {
  MAX_COMPARED_PAUSED,
  MAX_PUT_BYTES,
  MAX_PUT_RECORDS,
  MAX_ROUNDS_BEFORE_PAUSE,
} from '../migration-limits.js';
import type { ClusterLink } from './cluster-link.js';
import { Comparison } from './compare.js';
import { NO_CHANGE, type StoreChange } from './etcd-store.js';
import { commitOnce, type EtcdTargetOptions, putLeased } from './etcd-target.js';
import { Feed, type FeedChange } from './feed.js';
import { fieldsIn } from './mark.js';
import { MigrationError } from './migration-errors.js';
import { bytesOf, type MigratedRecord } from './record.js';

const FORMAT = 1;
const ABSENT = 0n;
const MS_PER_S = 1_000;
/** How often it looks whether the cut-over is wanted, while nothing changes. */
const WAIT_MS = 50;

export interface FollowProgress {
  readonly does: 'copies' | 'compares' | 'follows' | 'verifies';
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
  /** How many keys there are, which were all compared. */
  readonly count: number;
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
  readonly #comparison: Comparison;
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
    const onCompared = (count: number) => options.onProgress({ does: 'compares', count });
    this.#comparison = new Comparison({ ...options, onCompared });
  }

  /** Has the cut-over come as soon as all is copied and compared. */
  cutOver(): void {
    this.#isWanted = true;
  }

  /** Resolves after the cut-over. Rejects with MigrationError, or a KvError: then it can be gone on with. */
  async run(): Promise<Moved> {
    const { address, password, world } = this.#options;
    await this.#begin();
    this.#feed = new Feed({ address, password, world, from: this.#revision === 0 ? 0 : this.#revision + 1 });
    try {
      while (!this.#isWanted || !this.#comparison.isWhole) {
        await this.#follow(this.#isComparing ? 0 : WAIT_MS);
        if (this.#isComparing) await this.#compare();
        if (this.#comparison.isFull) await this.#settle();
      }
      return await this.#cutOver();
    } finally {
      this.#feed.close();
      this.#comparison.close();
    }
  }

  close(): void {
    this.#feed?.close();
    this.#options.store.close();
  }

  async #begin(): Promise<void> {
    const { store, name, say, link } = this.#options;
    if (await link.isOnEtcd())
      throw new MigrationError(
        `${name} runs on etcd: follow that, by --from <its URLs> --front-ends ${name}`,
      );
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

  /** All is copied, and not compared yet. */
  get #isComparing(): boolean {
    return this.#revision !== 0 && !this.#comparison.isWhole;
  }

  async #compare(): Promise<void> {
    await this.#comparison.goOn();
    if (this.#comparison.isWhole) this.#options.onProgress({ does: 'follows', count: this.#count });
  }

  #settle(endMs = Number.POSITIVE_INFINITY): Promise<void> {
    return this.#comparison.settle(() => this.#catchUp(endMs));
  }

  /** Follows to what is now the last change. Rejects with MigrationError when it is not there in time. */
  async #catchUp(endMs: number): Promise<void> {
    const { link, environment, pauseMs } = this.#options;
    const last = await link.lastRevision();
    while (this.#revision < last && environment.nowMs() < endMs) await this.#follow(WAIT_MS);
    if (environment.nowMs() >= endMs)
      throw new MigrationError(`not all was there within ${pauseMs / MS_PER_S} s: name a longer --pause`);
  }

  /** Takes the next changes, if any come within that time. */
  async #follow(withinMs: number): Promise<void> {
    const changes = (await this.#feed?.take(withinMs)) ?? [];
    for (const change of changes) await this.#take(change);
    await this.#flush();
  }

  async #take(change: FeedChange): Promise<void> {
    this.#checkOrder(change);
    switch (change.type) {
      case 'reset':
        this.#options.say(`${this.#options.name} keeps the next changes no more: begins anew`);
        this.#batch = newBatch();
        this.#revision = 0;
        this.#count = 0;
        this.#comparison.restart();
        await this.#commit({ type: 'all-go' });
        return;
      case 'synced':
        await this.#flush();
        this.#revision = change.revision;
        this.#count = 0;
        await this.#commit(NO_CHANGE);
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
    if (this.#revision !== 0) this.#comparison.changed(key);
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
    if (!this.#isComparing)
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
    const { link, environment, pauseMs, say } = this.#options;
    for (let round = 0; round < MAX_ROUNDS_BEFORE_PAUSE; round += 1) {
      if (this.#comparison.openCount <= MAX_COMPARED_PAUSED) break;
      await this.#settle();
    }
    const startMs = environment.nowMs();
    const endMs = startMs + pauseMs;
    try {
      await link.pauseWrites(pauseMs);
      let count: number | undefined;
      while (count === undefined) {
        await this.#follow(0);
        await this.#catchUp(endMs);
        await this.#settle(endMs);
        if (!this.#comparison.isWhole) throw new MigrationError('not all is compared: run it again');
        count = await this.#countIfLast();
      }
      await this.#finish(count);
      return { count, pausedMs: environment.nowMs() - startMs };
    } catch (error) {
      await link
        .resumeWrites()
        .catch((failure: unknown) => say(`writes wait until the pause ends: ${messageOf(failure)}`));
      throw error;
    }
  }

  /** How many keys there are at both places; undefined where more changes are to be followed: keys expire during a pause, too. */
  async #countIfLast(): Promise<number | undefined> {
    const { link, store } = this.#options;
    const count = await link.keyCount();
    const { keys } = await store.facts();
    const isLast = this.#revision !== 0 && (await link.lastRevision()) === this.#revision;
    if (!isLast || this.#comparison.openCount > 0) return undefined;
    return keys === count ? count : undefined;
  }

  async #finish(count: number): Promise<void> {
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
