/** The keys of an etcd cluster as they were at one of its revisions, as the source of a migration. */

import type { Environment } from '../environment.js';
import { REVISIONS_PER_TXN } from '../etcd-limits.js';
import type { Position, Source, SourceHead } from './ends.js';
import { type EtcdStore, pagesOf } from './etcd-store.js';
import type { MigratedRecord } from './record.js';

export interface EtcdSourceOptions {
  readonly store: EtcdStore;
  readonly prefix: string;
  readonly environment: Environment;
}

/** The cluster, the prefix in quotes, and the revision. */
const IDENTITY = /^etcd ([0-9a-f]+) (".*") ([0-9]+)$/;

/** etcd's revision as of which the source was that has this identity. */
export function revisionIn(identity: string): bigint {
  return BigInt(IDENTITY.exec(identity)?.[3] ?? 0);
}

export class EtcdSource implements Source {
  readonly #options: EtcdSourceOptions;
  readonly #revision: bigint;
  readonly identity: string;
  readonly total: number;

  private constructor(
    options: EtcdSourceOptions,
    facts: { readonly revision: bigint; readonly identity: string; readonly keys: number },
  ) {
    this.#options = options;
    this.#revision = facts.revision;
    this.identity = facts.identity;
    this.total = facts.keys;
  }

  /**
   * As it was for the migration that has this identity, or as it is now. Rejects with CompactedError if etcd does not keep that
   * any more, or as {@link EtcdStore} does.
   */
  static async open(options: EtcdSourceOptions, identity?: string): Promise<EtcdSource> {
    const { store, prefix } = options;
    const now = await store.facts();
    const [, clusterId, itsPrefix, known = ''] = IDENTITY.exec(identity ?? '') ?? [];
    const name = JSON.stringify(prefix);
    const isSame = clusterId === now.clusterId && itsPrefix === name;
    const revision = isSame ? BigInt(known) : now.revision;
    const { keys } = isSame ? await store.facts(revision) : now;
    return new EtcdSource(options, { revision, identity: `etcd ${now.clusterId} ${name} ${revision}`, keys });
  }

  /** A cluster that is made of it counts revisions from there on, so that it repeats none. */
  get head(): SourceHead {
    const last = (Number(this.#revision) + 1) * REVISIONS_PER_TXN - 1;
    return { clockMs: 0, revisions: { last, uncounted: last } };
  }

  async *read({ lastKey }: Position): AsyncGenerator<readonly MigratedRecord[]> {
    const { store, environment } = this.#options;
    yield* pagesOf(store, this.#revision, environment, lastKey);
  }

  async close(): Promise<void> {
    this.#options.store.close();
  }
}
