/** A client as its user sees it, whichever way it reaches the servers. */

import type { CallOptions } from './call.js';

export interface WriteOptions extends CallOptions {
  /** Seconds until the key expires; never unless given. */
  readonly ttl?: number | undefined;
}

/** A value with what is known of its key. */
export interface VersionedValue {
  readonly value: string;
  /** Counts the writes of the key, from 1 on; begins anew once the key was deleted or has expired. */
  readonly version: number;
  /** Seconds that are left, at least 1; undefined if the key does not expire. */
  readonly ttl: number | undefined;
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
   * Writes if the key has this version still, and resolves to the new one. Rejects with VersionMismatchError, or NotFoundError if
   * there is no such key.
   */
  cas(key: string, value: string | Uint8Array, version: number, options?: WriteOptions): Promise<number>;
  /** Resolves to whether there was such a key. */
  delete(key: string, options?: CallOptions): Promise<boolean>;
  /** Ends all calls and connections. May be called again. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
