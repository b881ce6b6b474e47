/**
 * Compares a running cluster with what etcd has of it, while clients write: all keys once, in the order of their bytes, and those
 * that change meanwhile, or seem to differ, again by themselves. So little is left for when writes wait.
 */

import { MAX_COMPARED_AT_ONCE, MAX_UNCOMPARED_KEYS } from '../migration-limits.js';
import type { ClusterLink } from './cluster-link.js';
import { differenceOf, shortened } from './compared.js';
import { pagesOf } from './etcd-store.js';
import type { EtcdTargetOptions } from './etcd-target.js';
import { Feed, type FeedChange, type FeedOptions } from './feed.js';
import { MigrationError } from './migration-errors.js';
import type { MigratedRecord } from './record.js';

/** How long nothing may come before changes are looked at. */
const WAIT_MS = 20;

export interface CompareOptions extends EtcdTargetOptions, Omit<FeedOptions, 'from'> {
  readonly link: ClusterLink;
  readonly onCompared: (count: number) => void;
}

/** All keys, as they are told. */
interface Pass {
  readonly feed: Feed;
  readonly there: Ahead;
  lastKey: string;
  count: number;
}

export class Comparison {
  readonly #options: CompareOptions;
  /** All other keys that were passed are the same at both places, as far as changes were followed. */
  #open = new Set<string>();
  #pass: Pass | undefined;
  #isWhole = false;

  constructor(options: CompareOptions) {
    this.#options = options;
  }

  /** Whether all keys were passed. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** How many keys are still to be compared, or again. */
  get openCount(): number {
    return this.#open.size;
  }

  /** Whether {@link settle} must come before more changes. */
  get isFull(): boolean {
    return this.#open.size >= MAX_UNCOMPARED_KEYS;
  }

  /** A change of the key was told. To be called before it is written to etcd. */
  changed(key: string): void {
    this.#open.add(key);
  }

  /** What was compared counts no more. */
  restart(): void {
    this.close();
    this.#open = new Set();
    this.#isWhole = false;
  }

  close(): void {
    this.#pass?.feed.close();
    this.#pass = undefined;
  }

  /** Goes on with the pass through all keys. To be called while nothing is being written to etcd. Rejects with a KvError. */
  async goOn(): Promise<void> {
    if (this.#isWhole) return;
    this.#pass ??= await this.#begin();
    const { feed } = this.#pass;
    const changes = await feed.take(WAIT_MS);
    if (changes.some(({ type }) => type === 'reset')) {
      // Some keys may never be told again.
      this.close();
      return;
    }
    for (let start = 0; start < changes.length; start += MAX_COMPARED_AT_ONCE)
      await this.#compare(this.#pass, changes.slice(start, start + MAX_COMPARED_AT_ONCE));
    this.#options.onCompared(this.#pass.count);
    if (!changes.some(({ type }) => type === 'synced')) return;
    await this.#skipTo(undefined, this.#pass.there);
    this.close();
    this.#isWhole = true;
  }

  /**
   * Compares the keys that are open, each of which changes no more until then: the others stay open. Rejects with MigrationError
   * where one differs.
   *
   * @param follow has all changes that were told by now written to etcd
   */
  async settle(follow: () => Promise<void>): Promise<void> {
    const keys = [...this.#open];
    for (let start = 0; start < keys.length; start += MAX_COMPARED_AT_ONCE) {
      const some = keys.slice(start, start + MAX_COMPARED_AT_ONCE);
      for (const key of some) this.#open.delete(key);
      const here = await this.#options.link.records(some);
      await follow();
      const nowMs = this.#options.environment.wallClockMs();
      for await (const [key, record] of this.#options.store.records(some)) {
        if (this.#open.has(key)) continue;
        const there = record && { ...record, value: shortened(record.value) };
        const difference = differenceOf(here.get(key), there, nowMs);
        if (difference !== undefined) throw differs(key, difference);
      }
    }
  }

  async #begin(): Promise<Pass> {
    const { store, environment } = this.#options;
    const { revision } = await store.facts();
    const there = new Ahead(pagesOf(store, revision, environment));
    return { feed: new Feed({ ...this.#options, from: 0 }), there, lastKey: '', count: 0 };
  }

  async #compare(pass: Pass, changes: readonly FeedChange[]): Promise<void> {
    const nowMs = this.#options.environment.wallClockMs();
    for (const [key, record] of await recordsIn(changes, this.#options.link)) {
      // Out of order it is a change of a key that was passed.
      if (key <= pass.lastKey) {
        this.#open.add(key);
        continue;
      }
      pass.lastKey = key;
      pass.count += 1;
      await this.#skipTo(key, pass.there);
      const other = await pass.there.next();
      const found = other?.key === key ? other : undefined;
      if (found !== undefined) pass.there.take();
      if (differenceOf(record, found, nowMs) !== undefined) this.#open.add(key);
    }
  }

  /** Passes those that are before the key, or all: the cluster has told none of them. */
  async #skipTo(key: string | undefined, there: Ahead): Promise<void> {
    for (
      let other = await there.next();
      other !== undefined && (key === undefined || other.key < key);
      other = await there.next()
    ) {
      this.#open.add(other.key);
      there.take();
    }
  }
}

/** What is told of keys; undefined for one that is gone by now. */
async function recordsIn(
  changes: readonly FeedChange[],
  link: ClusterLink,
): Promise<ReadonlyMap<string, MigratedRecord | undefined>> {
  const sets = changes.filter((change) => change.type === 'set');
  const expiring = sets.filter(({ expires }) => expires).map(({ key }) => key);
  const deadlines = new Map(
    (await link.deadlines(expiring)).map((deadlineMs, place) => [expiring[place], deadlineMs]),
  );
  return new Map(
    sets.map(({ key, value, version, revision, expires }) => {
      const deadlineMs = expires ? deadlines.get(key) : 0;
      return [key, deadlineMs === undefined ? undefined : { key, value, version, revision, deadlineMs }];
    }),
  );
}

function differs(key: string, how: string): MigrationError {
  return new MigrationError(`etcd differs from the cluster: the key ${JSON.stringify(key)} ${how}`);
}

/** Records in their order, of which the next can be looked at. */
class Ahead {
  readonly #pages: AsyncIterator<readonly MigratedRecord[]>;
  /** The page after this one is read meanwhile. */
  #coming: Promise<IteratorResult<readonly MigratedRecord[]>>;
  #page: readonly MigratedRecord[] = [];
  #place = 0;
  #hasEnded = false;

  constructor(pages: AsyncIterable<readonly MigratedRecord[]>) {
    this.#pages = pages[Symbol.asyncIterator]();
    this.#coming = this.#read();
  }

  async next(): Promise<MigratedRecord | undefined> {
    while (this.#place === this.#page.length && !this.#hasEnded) {
      const { done, value } = await this.#coming;
      this.#hasEnded = done === true;
      if (!this.#hasEnded) this.#coming = this.#read();
      this.#page = done === true ? [] : value;
      this.#place = 0;
    }
    return this.#page[this.#place];
  }

  take(): void {
    this.#place += 1;
  }

  #read(): Promise<IteratorResult<readonly MigratedRecord[]>> {
    const page = this.#pages.next();
    // Whoever awaits it hears of a failure.
    page.catch(() => undefined);
    return page;
  }
}
