/** Keys as a copy has them, with what has changed since the copy was made, as the source of a migration. */

import type { Environment } from '../environment.js';
import { lastRevisionOf } from '../etcd/revisions.js';
import { MAX_CHANGED_BYTES } from '../migration-limits.js';
import type { KeyChange } from '../state-machine/history.js';
import { type Source, type SourceHead, START } from './ends.js';
import { batchesOf } from './image-source.js';
import { BeginAnewError } from './migration-errors.js';
import { bytesOf, type MigratedRecord } from './record.js';

/** What a change takes in memory besides the bytes of its key and value, about. */
const CHANGE_BYTES = 200;

/** A key's last change. */
export interface Changed {
  /** Undefined for a key that is gone. */
  readonly record: MigratedRecord | undefined;
  readonly revision: number;
}

/** The last change of each key that has changed since a copy was made. */
export class Changes {
  #keys = new Map<string, Changed>();
  #areAllGone = false;
  #unchecked = new Set<string>();
  #bytes = 0;
  #lastWrite = 0;

  get count(): number {
    return this.#keys.size;
  }

  /** Of the last change that a client has made: keys expire by themselves. */
  get lastWrite(): number {
    return this.#lastWrite;
  }

  get(key: string): Changed | undefined {
    return this.#keys.get(key);
  }

  /** Throws BeginAnewError where they become too many. */
  take(changes: readonly KeyChange[]): void {
    for (const { kind, key, value, version, deadlineMs, revision } of changes) {
      if (kind !== 'expired') this.#lastWrite = revision;
      if (kind === 'flushed') {
        this.#keys = new Map();
        this.#unchecked = new Set();
        this.#bytes = 0;
        this.#areAllGone = true;
        continue;
      }
      const isSet = kind === 'set' && typeof value === 'string';
      this.#put(key, { record: isSet ? { key, value, version, deadlineMs, revision } : undefined, revision });
    }
    if (this.#bytes > MAX_CHANGED_BYTES)
      throw new BeginAnewError('more has changed than there is memory for: copies all keys again');
  }

  /** The keys that have changed since this was called last. */
  takeUnchecked(): readonly string[] {
    const keys = [...this.#unchecked];
    this.#unchecked = new Set();
    return keys;
  }

  leaveUnchecked(key: string): void {
    this.#unchecked.add(key);
  }

  /** As they are now. */
  frozen(): { readonly keys: ReadonlyMap<string, Changed>; readonly areAllGone: boolean } {
    return { keys: new Map(this.#keys), areAllGone: this.#areAllGone };
  }

  #put(key: string, change: Changed): void {
    this.#bytes += bytesIn(key, change) - bytesIn(key, this.#keys.get(key));
    this.#keys.set(key, change);
    this.#unchecked.add(key);
  }
}

export interface ChangedSourceOptions {
  readonly copy: Source;
  readonly changes: Changes;
  readonly environment: Environment;
  /** etcd's revision of the last change. */
  readonly revision: bigint;
}

export class ChangedSource implements Source {
  readonly #options: ChangedSourceOptions;
  readonly #changed: ReturnType<Changes['frozen']>;
  readonly identity: string;
  readonly head: SourceHead;
  readonly total: number;

  constructor(options: ChangedSourceOptions) {
    this.#options = options;
    this.#changed = options.changes.frozen();
    this.identity = `${options.copy.identity} changed to ${options.revision}`;
    const last = lastRevisionOf(Number(options.revision));
    this.head = { clockMs: 0, revisions: { last, uncounted: last } };
    this.total = options.copy.total;
  }

  /** All of them: it is never gone on with. */
  async *read(): AsyncGenerator<readonly MigratedRecord[]> {
    const { keys, areAllGone } = this.#changed;
    if (!areAllGone)
      for await (const batch of this.#options.copy.read(START)) {
        const unchanged = batch.filter(({ key }) => !keys.has(key));
        if (unchanged.length > 0) yield unchanged;
      }
    const records = [...keys.values()].flatMap(({ record }) => record ?? []);
    yield* batchesOf(records, this.#options.environment);
  }

  close(): Promise<void> {
    return this.#options.copy.close();
  }
}

function bytesIn(key: string, change: Changed | undefined): number {
  if (change === undefined) return 0;
  return CHANGE_BYTES + (change.record === undefined ? key.length : bytesOf(change.record));
}
