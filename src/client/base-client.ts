/** A client, over whatever world it is handed. */

import { readAddresses } from './address.js';
import type { CallOptions } from './call.js';
import { ArgumentError } from './client-errors.js';
import { Dispatcher } from './dispatcher.js';
import type { KeyValueClient, VersionedValue, WriteOptions } from './key-value-client.js';
import { bytesOf, textOf, versionedValueOf, versionOfCas, versionOfSet, wasDeleted } from './replies.js';
import { checkedKey, checkedTtl, plainCommand, readCommand, valueCommand } from './text-commands.js';
import type { Address, ClientWorld } from './world.js';

export interface ClientOptions {
  /** Addresses of servers or of the router, `host:port` each. One that answers is enough to find the leader. */
  readonly servers: readonly (string | Address)[];
  readonly password?: string | undefined;
  /**
   * Whether writes are numbered in a session, so that one that is sent again is done once: true unless given. Without, a write
   * whose connection breaks has an unknown outcome.
   */
  readonly sessions?: boolean | undefined;
  /** How long a call may take that does not say so itself, in ms; 10 s unless given. */
  readonly timeoutMs?: number | undefined;
}

const NO_OPTIONS: CallOptions = {};

export class Client implements KeyValueClient {
  readonly #dispatcher: Dispatcher;

  /** Throws ArgumentError. Nothing is connected before the first call. */
  constructor(options: ClientOptions, world: ClientWorld) {
    const { servers, password, timeoutMs, sessions = true } = options;
    if (password !== undefined && !/^[^\s]+$/.test(password))
      throw new ArgumentError('password: a word without spaces');
    const addresses = readAddresses(servers);
    this.#dispatcher = new Dispatcher({ addresses, password, timeoutMs, sessions }, world);
  }

  async set(key: string, value: string | Uint8Array, options: WriteOptions = NO_OPTIONS): Promise<number> {
    const words = `set ${checkedKey(key)} ${checkedTtl(options.ttl)}`;
    return this.#dispatcher.call(valueCommand('set', words, value), versionOfSet, options);
  }

  async get(key: string, options: CallOptions = NO_OPTIONS): Promise<string | undefined> {
    return this.#dispatcher.call(readCommand('get', key), textOf(key), options);
  }

  async getBuffer(key: string, options: CallOptions = NO_OPTIONS): Promise<Buffer | undefined> {
    return this.#dispatcher.call(readCommand('get', key), bytesOf(key), options);
  }

  async getWithVersion(key: string, options: CallOptions = NO_OPTIONS): Promise<VersionedValue | undefined> {
    return this.#dispatcher.call(readCommand('getm', key), versionedValueOf(key), options);
  }

  async cas(
    key: string,
    value: string | Uint8Array,
    version: number,
    options: WriteOptions = NO_OPTIONS,
  ): Promise<number> {
    const words = `cas ${checkedKey(key)} ${checkedTtl(options.ttl)} ${checkedVersion(version)}`;
    return this.#dispatcher.call(valueCommand('cas', words, value), versionOfCas(key), options);
  }

  async delete(key: string, options: CallOptions = NO_OPTIONS): Promise<boolean> {
    return this.#dispatcher.call(plainCommand('delete', `delete ${checkedKey(key)}`), wasDeleted, options);
  }

  async close(): Promise<void> {
    await this.#dispatcher.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function checkedVersion(version: number): number {
  if (!Number.isSafeInteger(version) || version < 0)
    throw new ArgumentError(`version: ${version} is no whole number from 0 on`);
  return version;
}
