/** A client as its user sees it, whichever way it reaches the servers. */

import type { CallOptions } from './call.js';
import type { Lock } from './lock.js';
import type { LockOptions } from './lock-keeper.js';
import type { Watch, WatchOptions } from './watch.js';

export interface WriteOptions extends CallOptions {
  /** Seconds until the key expires; never unless given. */
  readonly ttl?: number | undefined;
}

/** A value with what is known of its key. */
export interface VersionedValue {
  readonly value: string;
  /** Counts the writes of the key, from 1 on; begins anew once the key was deleted or has expired. */
  readonly version: number;
  /** The cluster's revision at which the key was last changed, which never comes again. */
  readonly revision: number;
  /** Seconds that are left, at least 1; undefined if the key does not expire. */
  readonly ttl: number | undefined;
}

/** What a key must be at: its version, or the revision of its last change. */
export type Expected = number | { readonly version: number } | { readonly revision: number };

export interface DeleteOptions extends CallOptions {
  readonly version?: number | undefined;
  /** The revision of the key's last change, in place of a version. */
  readonly revision?: number | undefined;
}

export interface ElectOptions extends LockOptions {
  /** What the others may read of the leader, one word. */
  readonly candidate?: string | undefined;
}

/**
 * Keys and values of a cluster. Keys are texts of 1 to 250 bytes in UTF-8, without spaces and control bytes; values are texts or
 * bytes, of 1 MiB at most unless the servers allow more.
 *
 * Every call ends in a result or a rejection with a KvError, at most 100 ms after its time limit. Every result is linearizable.
 * The order of calls that do not wait for each other is not promised.
 */
export interface KeyValueClient {
  /** Resolves to the key's new version. */
  set(key: string, value: string | Uint8Array, options?: WriteOptions): Promise<number>;
  /** Resolves to the value as text, undefined if there is no such key. */
  get(key: string, options?: CallOptions): Promise<string | undefined>;
  /** Resolves to the value's bytes, in memory of their own; undefined if there is no such key. */
  getBuffer(key: string, options?: CallOptions): Promise<Buffer | undefined>;
  /** Resolves to the value and its version, undefined if there is no such key. */
  getWithVersion(key: string, options?: CallOptions): Promise<VersionedValue | undefined>;
  /**
   * Writes if the key is still at this version or revision, and resolves to the new version. Rejects with VersionMismatchError,
   * or NotFoundError if there is no such key.
   */
  cas(key: string, value: string | Uint8Array, expected: Expected, options?: WriteOptions): Promise<number>;
  /** Writes if there is no such key, and resolves to the revision; undefined if there is. */
  add(key: string, value: string | Uint8Array, options?: WriteOptions): Promise<number | undefined>;
  /** Resolves to whether there was such a key. Rejects with VersionMismatchError when it is at another version than given. */
  delete(key: string, options?: DeleteOptions): Promise<boolean>;
  /**
   * Writes what `next` makes of the value, undefined if there is none, and resolves to it. Where another write comes between, it
   * is asked again. Where it returns undefined, nothing is written. What is written expires by the options' ttl, or never.
   */
  update(
    key: string,
    next: (old: string | undefined) => string | undefined | Promise<string | undefined>,
    options?: WriteOptions,
  ): Promise<string | undefined>;
  /**
   * The changes of all keys with a prefix, '' for all, each once and in order. It survives the loss of servers; where changes
   * are no more kept, it tells of a `reset`, and all keys anew. `break`, `signal` or `close` end it. Throws ArgumentError.
   */
  watch(prefix: string, options?: WatchOptions): Watch;
  /**
   * Resolves once this client alone holds the lock of that name, in the key `lock:<name>`. Rejects with TimeoutError while
   * somebody else holds it.
   */
  lock(name: string, options?: LockOptions): Promise<Lock>;
  /**
   * Resolves once this client is the leader among those that ask for the same name, in the key `election:<name>`: waits for it as
   * long as it takes unless the options say otherwise. It leads until it releases that, or `signal` of it aborts.
   */
  elect(name: string, options?: ElectOptions): Promise<Lock>;
  /** Ends all calls and connections. May be called again. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
