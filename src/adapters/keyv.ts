/** A store for Keyv: `threadraft/keyv`. */

import { EventEmitter } from 'node:events';
import type { KeyValueClient } from '../client/key-value-client.js';
import { type ClientSource, clientOf, KeyFolder } from './key-folder.js';

export type { ClientSource } from './key-folder.js';

export interface KeyvStoreOptions {
  /** What the names of all keys of the store begin with; `keyv/` unless given. */
  readonly prefix?: string | undefined;
}

/** A value to be set, with its time to live in ms. */
export interface KeyvStoreEntry {
  readonly key: string;
  readonly value: string;
  readonly ttl?: number | undefined;
}

const MS_PER_S = 1_000;

/**
 * Keeps what Keyv keeps in a cluster of threadraft. Keyv's own keys stand after `<prefix><namespace>/`, so {@link clear} is about
 * the keys of one namespace alone. Errors of calls are told as `error` to who listens, too, as Keyv does.
 */
export class KeyvStore extends EventEmitter {
  /** Keyv lets a store be iterated whose dialect it knows: that of Redis comes closest. */
  readonly opts = { dialect: 'redis', url: 'threadraft:' };
  /** Set by Keyv. */
  namespace: string | undefined;
  readonly #client: KeyValueClient;
  readonly #close: () => Promise<void>;
  readonly #prefix: string;

  /**
   * @param source a client, or the options of one that {@link disconnect} closes
   *
   * Throws ArgumentError.
   */
  constructor(source: ClientSource, { prefix = 'keyv/' }: KeyvStoreOptions = {}) {
    super();
    const { client, close } = clientOf(source);
    this.#client = client;
    this.#close = close;
    this.#prefix = prefix;
  }

  /** Resolves to what Keyv has made of the value; undefined if there is no such key. */
  get<Value = string>(key: string): Promise<Value | undefined>;
  get(key: string): Promise<string | undefined> {
    return this.#tellErrors(this.#client.get(this.#folder().keyOf(key)));
  }

  getMany<Value = string>(keys: string[]): Promise<(Value | undefined)[]> {
    return Promise.all(keys.map((key) => this.get<Value>(key)));
  }

  /** @param ttl in ms; the store keeps the key up to a second longer, and Keyv passes over it then */
  async set(key: string, value: string, ttl?: number): Promise<boolean> {
    const seconds = ttl === undefined || ttl <= 0 ? undefined : Math.ceil(ttl / MS_PER_S);
    await this.#tellErrors(this.#client.set(this.#folder().keyOf(key), value, { ttl: seconds }));
    return true;
  }

  async setMany(entries: readonly KeyvStoreEntry[]): Promise<void> {
    await Promise.all(entries.map(({ key, value, ttl }) => this.set(key, value, ttl)));
  }

  /** Resolves to whether there was such a key. */
  delete(key: string): Promise<boolean> {
    return this.#tellErrors(this.#client.delete(this.#folder().keyOf(key)));
  }

  /** Resolves to whether all of them were there. */
  async deleteMany(keys: string[]): Promise<boolean> {
    const deleted = await Promise.all(keys.map((key) => this.delete(key)));
    return deleted.every(Boolean);
  }

  async has(key: string): Promise<boolean> {
    return (await this.get(key)) !== undefined;
  }

  hasMany(keys: string[]): Promise<boolean[]> {
    return Promise.all(keys.map((key) => this.has(key)));
  }

  /** Deletes all keys of the namespace. */
  clear(): Promise<void> {
    return this.#tellErrors(this.#folder().clear());
  }

  /** All keys of the namespace with their values, in the order of their bytes. */
  iterator<Value = string>(namespace?: string): AsyncGenerator<[key: string, value: Value], void>;
  iterator(namespace?: string): AsyncGenerator<[key: string, value: string], void> {
    return this.#folder(namespace).entries();
  }

  /** Closes the client, if the store has made it. */
  disconnect(): Promise<void> {
    return this.#close();
  }

  #folder(namespace = this.namespace): KeyFolder {
    // No namespace lies within another one.
    const folder = encodeURIComponent(namespace ?? '');
    return new KeyFolder(this.#client, `${this.#prefix}${folder}/`);
  }

  async #tellErrors<T>(call: Promise<T>): Promise<T> {
    try {
      return await call;
    } catch (error) {
      if (this.listenerCount('error') > 0) this.emit('error', error);
      throw error;
    }
  }
}

export default KeyvStore;
