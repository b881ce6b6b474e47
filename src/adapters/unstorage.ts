/** A driver for unstorage: `threadraft/unstorage`. */

import type { KvClientOptions } from '../client/index.js';
import type { KeyValueClient } from '../client/key-value-client.js';
import { clientOf, KeyFolder } from './key-folder.js';
import { type NameEvent, WatchedNames } from './watched-names.js';

export type UnstorageDriverOptions = (
  | {
      /** A client that is there already, such as `cluster.client()`. */
      readonly client: KeyValueClient;
    }
  | KvClientOptions
) & {
  /** What the names of all keys of the driver begin with; `unstorage/` unless given. */
  readonly base?: string | undefined;
  /** Seconds until a key expires whose `setItem` says nothing of it; never unless given. */
  readonly ttl?: number | undefined;
};

/** Options of one call. */
export interface UnstorageTransaction {
  /** Seconds until the key expires. */
  readonly ttl?: number | undefined;
}

/** What unstorage's `createStorage` takes as `driver`. */
export interface UnstorageDriver {
  readonly name: string;
  readonly flags: { readonly ttl: true };
  readonly options: UnstorageDriverOptions;
  getInstance(): KeyValueClient;
  hasItem(key: string): Promise<boolean>;
  getItem(key: string): Promise<string | null>;
  getItemRaw(key: string): Promise<Buffer | null>;
  setItem(key: string, value: string, options?: UnstorageTransaction): Promise<void>;
  setItemRaw(key: string, value: string | Uint8Array, options?: UnstorageTransaction): Promise<void>;
  removeItem(key: string): Promise<void>;
  getMeta(key: string): Promise<{ ttl?: number } | null>;
  getKeys(base?: string): Promise<string[]>;
  clear(base?: string): Promise<void>;
  dispose(): Promise<void>;
  /**
   * Tells of what changes once it has resolved, which needs a server. It reads all items to begin, and keeps their names in
   * memory. A callback that throws or rejects is a warning of the process. Rejects with a KvError.
   */
  watch(callback: (event: 'update' | 'remove', key: string) => unknown): Promise<() => void>;
}

/**
 * A driver that keeps items in a cluster of threadraft. `dispose` closes the client, if the driver has made it. Throws
 * ArgumentError.
 */
export function unstorageDriver(options: UnstorageDriverOptions): UnstorageDriver {
  const { base = 'unstorage/', ttl: defaultTtl } = options;
  const { client, close } = clientOf('client' in options ? options.client : options);
  const folder = new KeyFolder(client, base);
  const set = async (
    key: string,
    value: string | Uint8Array,
    { ttl = defaultTtl }: UnstorageTransaction = {},
  ) => {
    await client.set(folder.keyOf(key), value, { ttl: ttl === undefined ? undefined : Math.ceil(ttl) });
  };
  return {
    name: 'threadraft',
    flags: { ttl: true },
    options,
    getInstance: () => client,
    hasItem: async (key) => (await client.getWithVersion(folder.keyOf(key))) !== undefined,
    getItem: async (key) => (await client.get(folder.keyOf(key))) ?? null,
    getItemRaw: async (key) => (await client.getBuffer(folder.keyOf(key))) ?? null,
    setItem: set,
    setItemRaw: set,
    removeItem: async (key) => {
      await client.delete(folder.keyOf(key));
    },
    getMeta: async (key) => {
      const found = await client.getWithVersion(folder.keyOf(key));
      if (found === undefined) return null;
      return found.ttl === undefined ? {} : { ttl: found.ttl };
    },
    getKeys: (start) => folder.names(start),
    clear: (start) => folder.clear(start),
    dispose: close,
    watch: async (callback) => {
      const stop = new AbortController();
      await begun({ client, folder, signal: stop.signal }, callback);
      return () => stop.abort();
    },
  };
}

interface Watched {
  readonly client: KeyValueClient;
  readonly folder: KeyFolder;
  readonly signal: AbortSignal;
}

type Callback = (event: NameEvent, key: string) => unknown;

/** Tells of changes until the signal, or the client's end. Resolves once they are told; rejects if it ends before. */
function begun({ client, folder, signal }: Watched, callback: Callback): Promise<void> {
  const names = new WatchedNames(folder, (event, name) => void call(callback, event, name));
  return new Promise((resolve, reject) => {
    const tellOf = async () => {
      for await (const change of client.watch(folder.keyOf(''), { from: 0, signal })) {
        names.take(change);
        if (names.hasBegun) resolve();
      }
    };
    // Later, whoever stops the watch or closes the client knows, and other calls tell the same.
    tellOf().catch(reject);
  });
}

/** One who watches does not end the process by an error, nor the watch. */
async function call(callback: Callback, event: NameEvent, name: string): Promise<void> {
  try {
    await callback(event, name);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    process.emitWarning(`a callback of watch has failed: ${reason}`);
  }
}

export default unstorageDriver;
