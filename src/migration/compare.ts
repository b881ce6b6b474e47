/** Compares a running cluster, none of whose clients writes, with what etcd has of it, key by key in the order of their bytes. */

import { MAX_COMPARED_AT_ONCE } from '../migration-limits.js';
import type { ClusterLink } from './cluster-link.js';
import { pagesOf } from './etcd-store.js';
import type { EtcdTargetOptions } from './etcd-target.js';
import { Feed, type FeedChange, type FeedOptions } from './feed.js';
import { MigrationError } from './migration-errors.js';
import { isLive, type MigratedRecord, RecordSum, type SumOfRecords } from './record.js';

/** A key whose time is over this soon may be gone at one place, and there at the other: their clocks differ. */
const CLOCK_SLACK_MS = 1_000;

/** How long nothing may come before the time is looked at. */
const WAIT_MS = 100;

export interface CompareOptions extends EtcdTargetOptions, Omit<FeedOptions, 'from'> {
  readonly link: ClusterLink;
  readonly onCompared: (count: number) => void;
}

/** Undefined if it was not over by `endMs`, or the cluster was written to. Rejects with MigrationError where they differ. */
export async function compareWithCluster(
  options: CompareOptions,
  endMs: number,
): Promise<SumOfRecords | undefined> {
  const { store, environment, onCompared } = options;
  const { revision } = await store.facts();
  const there = new Ahead(pagesOf(store, revision, environment));
  const feed = new Feed({ ...options, from: 0 });
  const sum = new RecordSum();
  let lastKey = '';
  let isSynced = false;
  try {
    while (!isSynced) {
      if (environment.nowMs() >= endMs) return undefined;
      const changes = await feed.take(WAIT_MS);
      for (let start = 0; start < changes.length; start += MAX_COMPARED_AT_ONCE) {
        const some = changes.slice(start, start + MAX_COMPARED_AT_ONCE);
        const records = await recordsIn(some, options.link);
        for (const [key, record] of records) {
          // Out of order it is a change of a key that was told before.
          if (key <= lastKey) return undefined;
          lastKey = key;
          const match = await matchOf(record, key, there, environment.wallClockMs());
          if (match !== undefined) sum.add([match]);
        }
      }
      if (changes.some(({ type }) => type === 'reset')) return undefined;
      isSynced = changes.some(({ type }) => type === 'synced');
      onCompared(sum.sum.count);
    }
    await skipTo(undefined, there, environment.wallClockMs());
    return sum.sum;
  } finally {
    feed.close();
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

/** The record, if it is the same there; undefined if its time is over. */
async function matchOf(
  record: MigratedRecord | undefined,
  key: string,
  there: Ahead,
  nowMs: number,
): Promise<MigratedRecord | undefined> {
  await skipTo(key, there, nowMs);
  const other = await there.next();
  const found = other?.key === key ? other : undefined;
  if (found !== undefined) there.take();
  if (record === undefined || !isLive(record, nowMs + CLOCK_SLACK_MS)) return undefined;
  const isSame =
    found !== undefined &&
    found.value === record.value &&
    found.version === record.version &&
    found.deadlineMs === record.deadlineMs;
  if (!isSame) throw differs(key, found === undefined ? 'is missing there' : 'is another one there');
  return record;
}

/** Passes those that are before the key, or all, which are past their deadlines. Rejects with MigrationError for any other. */
async function skipTo(key: string | undefined, there: Ahead, nowMs: number): Promise<void> {
  for (let other = await there.next(); other !== undefined && (key === undefined || other.key < key); ) {
    if (isLive(other, nowMs + CLOCK_SLACK_MS)) throw differs(other.key, 'is there alone');
    there.take();
    other = await there.next();
  }
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
