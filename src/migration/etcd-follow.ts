/**
 * Moves the keys in etcd to a directory or a backup while front ends write: copies all as of one revision, goes on with each
 * change, and at the cut-over has writes wait until what is made has all of them. A copy that was made outlives a kill; the
 * changes since are asked of etcd again.
 */

import { type Environment, sleep } from '../environment.js';
import { messageOf } from '../error-message.js';
import type { EtcdTransport } from '../etcd/etcd-transport.js';
import { lastRevisionOf } from '../etcd/revisions.js';
import { MAX_COMPARED_AT_ONCE } from '../migration-limits.js';
import type { KeyChange } from '../state-machine/history.js';
import { ChangedSource, Changes } from './changed-source.js';
import type { ClusterLink } from './cluster-link.js';
import { differenceOf } from './compared.js';
import type { Source, Target } from './ends.js';
import type { Copied, EtcdCopy } from './etcd-copy.js';
import { EtcdFeed } from './etcd-feed.js';
import type { EtcdStore } from './etcd-store.js';
import type { FollowProgress, Moved } from './follow.js';
import { copyAndVerify } from './migrate.js';
import { BeginAnewError, MigrationError } from './migration-errors.js';

const MS_PER_S = 1_000;
const WAIT_MS = 50;

export interface EtcdFollowOptions {
  readonly transport: EtcdTransport;
  readonly store: EtcdStore;
  readonly prefix: string;
  readonly environment: Environment;
  /** How the copy is had that changes are added to. */
  readonly openCopy: () => Promise<EtcdCopy>;
  readonly target: Target;
  /** The front ends, whose writes wait at the cut-over; none where they are stopped before it. */
  readonly frontEnds: readonly ClusterLink[];
  readonly pauseMs: number;
  readonly onProgress: (progress: FollowProgress) => void;
  readonly say: (line: string) => void;
}

export class EtcdFollow {
  readonly #options: EtcdFollowOptions;
  #changes = new Changes();
  #isWanted = false;
  #hasBegunCutOver = false;

  constructor(options: EtcdFollowOptions) {
    this.#options = options;
  }

  /** Has the cut-over come as soon as all is copied. */
  cutOver(): void {
    this.#isWanted = true;
  }

  /** Resolves after the cut-over. Rejects as {@link EtcdCopy} and the target do, or with MigrationError. */
  async run(): Promise<Moved> {
    const { target, frontEnds, say } = this.#options;
    // What is wrong with one is to be known before the cut-over.
    for (const frontEnd of frontEnds)
      if (!(await frontEnd.isOnEtcd())) throw new MigrationError(`${frontEnd.name} does not run on etcd`);
    const found = await target.find();
    if (found.state !== 'nothing') {
      // A cut-over was killed. What it was of has changed.
      await target.clear();
      await target.find();
    }
    const copy = await this.#options.openCopy();
    try {
      while (true) {
        const copied = await copy.get();
        try {
          const moved = await this.#follow(copied);
          await copy.remove();
          return moved;
        } catch (error) {
          if (!(error instanceof BeginAnewError) || this.#hasBegunCutOver) throw error;
          say(error.message);
          await copy.forget();
        } finally {
          await copied.source.close();
        }
      }
    } finally {
      await copy.close();
    }
  }

  async close(): Promise<void> {
    this.#options.store.close();
    await this.#options.target.close();
  }

  async #follow({ source, revision }: Copied): Promise<Moved> {
    const { environment } = this.#options;
    this.#changes = new Changes();
    let count = 0;
    const take = (changes: readonly KeyChange[]) => {
      this.#changes.take(changes);
      count += changes.length;
    };
    const feed = new EtcdFeed({ ...this.#options, after: revision, take });
    let failure: { readonly error: unknown } | undefined;
    feed.run().catch((error: unknown) => {
      failure = { error };
    });
    try {
      await feed.reach();
      while (!this.#isWanted) {
        if (failure !== undefined) throw failure.error;
        this.#options.onProgress({ does: 'follows', count });
        await sleep(environment, WAIT_MS);
      }
      return await this.#cutOver(source, feed);
    } finally {
      feed.close();
    }
  }

  /** Where it fails, writes go on as before. */
  async #cutOver(source: Source, feed: EtcdFeed): Promise<Moved> {
    const { environment, frontEnds, pauseMs, say } = this.#options;
    await this.#check(await feed.reach());
    const startMs = environment.nowMs();
    this.#hasBegunCutOver = true;
    try {
      await Promise.all(frontEnds.map((frontEnd) => frontEnd.pauseWrites(pauseMs)));
      const count = await this.#make(source, feed);
      const pausedMs = environment.nowMs() - startMs;
      if (frontEnds.length > 0 && pausedMs >= pauseMs)
        throw new MigrationError(
          `not all was there within ${pauseMs / MS_PER_S} s: remove what was made, and name a longer --pause`,
        );
      return { count, pausedMs };
    } catch (error) {
      for (const frontEnd of frontEnds)
        await frontEnd
          .resumeWrites()
          .catch((failure: unknown) => say(`writes wait until the pause ends: ${messageOf(failure)}`));
      throw error;
    }
  }

  /** Makes the target of all that there is now, and resolves to how many keys that are. */
  async #make(copy: Source, feed: EtcdFeed): Promise<number> {
    const { environment, store, target, onProgress } = this.#options;
    const last = await feed.reach();
    await this.#check(last);
    this.#refuseWrites(last);
    // Keys expire nevertheless.
    const revision = feed.told;
    const source = new ChangedSource({ copy, changes: this.#changes, environment, revision });
    const { keys } = await store.facts(revision);
    const sum = await copyAndVerify(source, {
      target,
      onProgress: ({ does, records }) => onProgress({ does, count: records }),
    });
    await feed.reach();
    this.#refuseWrites(last);
    if (sum.count !== keys)
      throw new MigrationError(
        `there are ${keys} keys in etcd, and ${sum.count} were copied: remove what was made`,
      );
    await target.finish(sum);
    return sum.count;
  }

  /** Throws MigrationError if there was a write after that revision. */
  #refuseWrites(last: bigint): void {
    if (this.#changes.lastWrite > lastRevisionOf(Number(last)))
      throw new MigrationError(
        'somebody has written after writes were to wait: remove what was made, and name or stop all front ends',
      );
  }

  /** Reads the keys that have changed again, as of that revision. Rejects with MigrationError where one is another one. */
  async #check(revision: bigint): Promise<void> {
    const { store, environment } = this.#options;
    const keys = this.#changes.takeUnchecked();
    for (let start = 0; start < keys.length; start += MAX_COMPARED_AT_ONCE) {
      const some = keys.slice(start, start + MAX_COMPARED_AT_ONCE);
      for await (const [key, there] of store.records(some, revision)) {
        const changed = this.#changes.get(key);
        if (changed !== undefined && changed.revision > lastRevisionOf(Number(revision))) {
          this.#changes.leaveUnchecked(key);
          continue;
        }
        const difference = differenceOf(there, changed?.record, environment.wallClockMs());
        if (difference !== undefined)
          throw new MigrationError(`what was followed differs: the key ${JSON.stringify(key)} ${difference}`);
      }
    }
  }
}
