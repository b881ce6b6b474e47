/** A client, over whatever world it is handed. */

import { sleep } from '../environment.js';
import { readAddresses } from './address.js';
import type { CallOptions } from './call.js';
import { ArgumentError, NotFoundError, TimeoutError, VersionMismatchError } from './client-errors.js';
import { MAX_UPDATE_PAUSE_MS } from './client-limits.js';
import { Dispatcher } from './dispatcher.js';
import { inTime } from './in-time.js';
import type {
  DeleteOptions,
  ElectOptions,
  Expected,
  KeyValueClient,
  VersionedValue,
  WriteOptions,
} from './key-value-client.js';
import type { Lock, LockStore } from './lock.js';
import { LockKeeper, type LockOptions } from './lock-keeper.js';
import { pauseAfter } from './pauses.js';
import {
  bytesOf,
  numbersOfCas,
  revisionOfAdd,
  textOf,
  versionedValueOf,
  versionOfSet,
  wasDeleted,
} from './replies.js';
import {
  checkedKey,
  checkedLockTtl,
  checkedTtl,
  plainCommand,
  readCommand,
  valueCommand,
} from './text-commands.js';
import { Watch, type WatchOptions } from './watch.js';
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
  readonly #world: ClientWorld;
  readonly #addresses: readonly Address[];
  readonly #password: string | undefined;
  readonly #watches = new Set<Watch>();
  #isClosed = false;
  readonly #dispatcher: Dispatcher;
  readonly #locks: LockKeeper;

  /** Throws ArgumentError. Nothing is connected before the first call. */
  constructor(options: ClientOptions, world: ClientWorld) {
    const { servers, password, timeoutMs, sessions = true } = options;
    if (password !== undefined && !/^[^\s]+$/.test(password))
      throw new ArgumentError('password: a word without spaces');
    const addresses = readAddresses(servers);
    this.#dispatcher = new Dispatcher({ addresses, password, timeoutMs, sessions }, world);
    this.#world = world;
    this.#addresses = addresses;
    this.#password = password;
    this.#locks = new LockKeeper(this.#lockStore, world.environment);
  }

  set(key: string, value: string | Uint8Array, options: WriteOptions = NO_OPTIONS): Promise<number> {
    const words = () => `set ${checkedKey(key)} ${checkedTtl(options.ttl)}`;
    return this.#dispatcher.call(() => valueCommand('set', words(), value), versionOfSet, options);
  }

  get(key: string, options: CallOptions = NO_OPTIONS): Promise<string | undefined> {
    return this.#dispatcher.call(() => readCommand('get', key), textOf(key), options);
  }

  getBuffer(key: string, options: CallOptions = NO_OPTIONS): Promise<Buffer | undefined> {
    return this.#dispatcher.call(() => readCommand('get', key), bytesOf(key), options);
  }

  getWithVersion(key: string, options: CallOptions = NO_OPTIONS): Promise<VersionedValue | undefined> {
    return this.#dispatcher.call(() => readCommand('gets', key), versionedValueOf(key), options);
  }

  async cas(
    key: string,
    value: string | Uint8Array,
    expected: Expected,
    options: WriteOptions = NO_OPTIONS,
  ): Promise<number> {
    const [version = 0] = await this.#cas(key, value, expected, options);
    return version;
  }

  add(
    key: string,
    value: string | Uint8Array,
    options: WriteOptions = NO_OPTIONS,
  ): Promise<number | undefined> {
    const words = () => `add ${checkedKey(key)} ${checkedTtl(options.ttl)}`;
    return this.#dispatcher.call(() => valueCommand('add', words(), value), revisionOfAdd, options);
  }

  delete(key: string, options: DeleteOptions = NO_OPTIONS): Promise<boolean> {
    const { version, revision } = options;
    const at = () =>
      revision !== undefined
        ? ` ${placeOf({ revision })}`
        : version !== undefined
          ? ` ${placeOf(version)}`
          : '';
    const command = () => plainCommand('delete', `delete ${checkedKey(key)}${at()}`);
    return this.#dispatcher.call(command, wasDeleted(key), options);
  }

  async update(
    key: string,
    next: (old: string | undefined) => string | undefined | Promise<string | undefined>,
    options: WriteOptions = NO_OPTIONS,
  ): Promise<string | undefined> {
    const { environment } = this.#world;
    const { nowMs } = environment;
    const timeoutMs = this.#dispatcher.timeoutOf(options);
    const deadlineMs = nowMs() + timeoutMs;
    /** For a part of it, which begins only while there is time: each may end a little late by itself. */
    const limited = (): WriteOptions & { timeoutMs: number } => {
      const leftMs = deadlineMs - nowMs();
      if (leftMs <= 0) throw new TimeoutError('update', timeoutMs);
      return { ...options, timeoutMs: leftMs };
    };
    const late = () => new TimeoutError('update', timeoutMs, new Error('its function has not resolved'));
    for (let tries = 1; ; tries += 1) {
      const found = await this.getWithVersion(key, limited());
      const made = next(found?.value);
      const { timeoutMs: leftMs, signal } = limited();
      const limits = { what: 'update', leftMs, signal, late };
      const value = typeof made === 'object' ? await inTime(made, limits, environment) : made;
      if (value === undefined) return found?.value;
      const isWritten = await (found === undefined
        ? this.add(key, value, limited()).then((revision) => revision !== undefined)
        : this.#casIfAt(key, value, found, limited()));
      if (isWritten) return value;
      const pauseMs = pauseAfter(tries, 1, MAX_UPDATE_PAUSE_MS, environment);
      await sleep(environment, Math.max(0, Math.min(pauseMs, deadlineMs - nowMs())));
    }
  }

  watch(prefix: string, options: WatchOptions = {}): Watch {
    const environment = {
      addresses: this.#addresses,
      password: this.#password,
      world: this.#world,
      onEnd: (ended: Watch) => this.#watches.delete(ended),
    };
    const watch = new Watch(prefix, options, environment);
    if (this.#isClosed) watch.close();
    else this.#watches.add(watch);
    return watch;
  }

  async lock(name: string, options: LockOptions = NO_OPTIONS): Promise<Lock> {
    checkedLockTtl(options.ttl);
    const key = checkedKey(`lock:${checkedKey(name)}`);
    const timeoutMs = this.#dispatcher.timeoutOf(options);
    return this.#locks.acquire({ what: 'lock', key, note: '', timeoutMs }, options);
  }

  async elect(name: string, options: ElectOptions = NO_OPTIONS): Promise<Lock> {
    checkedLockTtl(options.ttl);
    const { candidate = '', timeoutMs = Number.POSITIVE_INFINITY } = options;
    if (/\s/.test(candidate)) throw new ArgumentError('candidate: one word');
    const key = checkedKey(`election:${checkedKey(name)}`);
    return this.#locks.acquire({ what: 'elect', key, note: candidate, timeoutMs }, options);
  }

  #cas(
    key: string,
    value: string | Uint8Array,
    expected: Expected,
    options: WriteOptions,
  ): Promise<readonly number[]> {
    const words = () => `cas ${checkedKey(key)} ${checkedTtl(options.ttl)} ${placeOf(expected)}`;
    return this.#dispatcher.call(() => valueCommand('cas', words(), value), numbersOfCas(key), options);
  }

  /** Whether the key was still as it was found. */
  async #casIfAt(
    key: string,
    value: string,
    { revision }: VersionedValue,
    options: WriteOptions,
  ): Promise<boolean> {
    try {
      await this.#cas(key, value, { revision }, options);
      return true;
    } catch (error) {
      if (error instanceof VersionMismatchError || error instanceof NotFoundError) return false;
      throw error;
    }
  }

  readonly #lockStore: LockStore = {
    timeoutOf: (options) => this.#dispatcher.timeoutOf(options),
    add: (key, value, ttl, options) => this.add(key, value, { ...options, ttl }),
    renew: async (key, value, ttl, revision, options) => {
      const [, renewed = 0] = await this.#cas(key, value, { revision }, { ...options, ttl });
      return renewed;
    },
    remove: (key, revision, options) => this.delete(key, { ...options, revision }),
    read: (key, options) => this.getWithVersion(key, options),
  };

  /**
   * Releases all locks that are held, as far as that is possible in a moment. None is acquired any more.
   * @internal
   */
  releaseLocks(): Promise<void> {
    return this.#locks.releaseAll();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const watch of [...this.#watches]) watch.close();
    await this.releaseLocks();
    await this.#dispatcher.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** As the protocol writes it. Throws ArgumentError. */
function placeOf(expected: Expected): string {
  const isObject = typeof expected === 'object' && expected !== null;
  const isRevision = isObject && 'revision' in expected;
  const number = !isObject ? expected : isRevision ? expected.revision : expected.version;
  if (!Number.isSafeInteger(number) || number < 0)
    throw new ArgumentError(`${isRevision ? 'revision' : 'version'}: ${number} is no whole number from 0 on`);
  return isRevision ? `@${number}` : String(number);
}
