/**
 * Commands that go through keys in the order of their bytes, page by page: KEYS and the like, SCAN and RANDOMKEY. They go beside
 * all others, for they may take long.
 *
 * KEYS and CLUSTER's two see all keys as of one revision of etcd. Keys past their deadlines are removed before anything is told.
 */

import { type Environment, endOfTurn } from '../environment.js';
import { KEYS_OF_PAGE, LEASED_KEYS_AT_ONCE, RANDOM_KEY_DRAWS, READ_TIMEOUT_MS } from '../etcd-limits.js';
import { MAX_READ_MS_PER_TURN } from '../limits.js';
import type { Args } from '../protocol/command.js';
import type { RedisReadRequest, RedisWalkRequest } from '../protocol/request.js';
import { ErrorReply, type RespValue } from '../protocol/resp/value.js';
import { MAX_WALK_WORK, WALK_WORK_PER_TURN } from '../redis-limits.js';
import { executeWalk } from '../state-machine/redis/execute.js';
import { GlobMatch } from '../state-machine/redis/glob.js';
import { INVALID_CURSOR, isCursor, matches, scanOptions } from '../state-machine/redis/scans.js';
import { goOn, type Steps, Work } from '../state-machine/work.js';
import type { EtcdKeys, EtcdRecord, PageStart } from './etcd-keys.js';
import { PagedWalk } from './paged-walk.js';
import { patiently } from './patience.js';
import type { ScanCursors } from './scan-cursors.js';
import { isOver } from './scratch.js';

export type KeyOrderRead = RedisWalkRequest | RedisReadRequest;

export interface KeyOrderReadsOptions {
  readonly environment: Environment;
  readonly keys: EtcdKeys;
  readonly cursors: ScanCursors;
  /** The time that deadlines are counted in, in ms since the epoch. */
  readonly timeMs: () => number;
}

const TOO_LONG = new ErrorReply('ERR going through all keys in this way takes too long');

const BYTES = 256;

export class KeyOrderReads {
  readonly #options: KeyOrderReadsOptions;

  constructor(options: KeyOrderReadsOptions) {
    this.#options = options;
  }

  /** The reply; anything once `isUnwanted` says so. Rejects as EtcdTransport does. */
  execute(request: KeyOrderRead, isUnwanted: () => boolean): Promise<RespValue> {
    if (request.type === 'redis-walk') return this.#walk(request, isUnwanted);
    return request.command.name === 'scan' ? this.#scan(request.args, isUnwanted) : this.#randomKey();
  }

  async #walk(request: RedisWalkRequest, isUnwanted: () => boolean): Promise<RespValue> {
    const { environment } = this.#options;
    const work = new Work(() => environment.nowMs());
    const walk = new PagedWalk(() => work.allow(0));
    const steps = executeWalk(walk, request, work);
    let from = '';
    let modRevision: number | undefined;
    while (!isUnwanted()) {
      work.allow(WALK_WORK_PER_TURN, MAX_READ_MS_PER_TURN);
      const done = goOn(steps);
      if (done !== undefined) return done.result;
      if (work.units >= MAX_WALK_WORK) return TOO_LONG;
      if (!walk.needsPage) {
        await endOfTurn(environment);
        continue;
      }
      const page = await this.#livePage({ from, maxKeys: KEYS_OF_PAGE, modRevision });
      walk.add(page.keys, page);
      from = after(page.last);
      modRevision = page.modRevision;
    }
    return null;
  }

  async #scan([cursor = '', ...args]: Args, isUnwanted: () => boolean): Promise<RespValue> {
    if (!isCursor(cursor)) return INVALID_CURSOR;
    const options = scanOptions(args);
    if (options instanceof ErrorReply) return options;
    const { environment, cursors } = this.#options;
    const begun = Number(cursor);
    let last = begun === 0 ? undefined : await patiently(environment, () => cursors.keyOf(begun));
    if (begun !== 0 && last === undefined) return INVALID_CURSOR;
    const found: string[] = [];
    for (let left = options.count; left > 0; ) {
      const from = last === undefined ? '' : after(last);
      const page = await this.#livePage({ from, maxKeys: Math.min(left, KEYS_OF_PAGE) });
      const chosen = await this.#choose(page.keys, options.pattern);
      if (chosen instanceof ErrorReply) return chosen;
      if (!options.isEmptyType) found.push(...chosen);
      if (!page.hasMore || isUnwanted()) return ['0', found];
      left -= page.count;
      last = page.last;
    }
    const stoppedAt = last ?? '';
    return [`${await patiently(environment, () => cursors.cursorOf(stoppedAt))}`, found];
  }

  /** Those of the keys that match. */
  async #choose(
    keys: readonly string[],
    pattern: string | undefined,
  ): Promise<readonly string[] | ErrorReply> {
    if (pattern === undefined) return keys;
    const { environment } = this.#options;
    const work = new Work(() => environment.nowMs());
    const steps = matching(keys, pattern, work);
    while (true) {
      work.allow(WALK_WORK_PER_TURN, MAX_READ_MS_PER_TURN);
      const done = goOn(steps);
      if (done !== undefined) return done.result;
      await endOfTurn(environment);
    }
  }

  /**
   * A random key: draws a place that shares some of its bytes with the key found before, and finds the next key, again and again.
   * Any key may be drawn; one after a gap is more likely than others.
   */
  async #randomKey(): Promise<RespValue> {
    let drawn = '';
    for (let draw = 0; draw < RANDOM_KEY_DRAWS; draw += 1) {
      const shared = drawn.slice(0, this.#random(drawn.length + 1));
      const from = shared + String.fromCharCode(this.#random(BYTES));
      drawn = (await this.#page({ from, maxKeys: 1 })).keys[0] ?? drawn;
    }
    for (const from of [drawn, '']) {
      const { keys } = await this.#livePage({ from, maxKeys: KEYS_OF_PAGE });
      const key = keys[this.#random(keys.length)];
      if (key !== undefined) return key;
    }
    return null;
  }

  /** Uniform among 0 and the numbers below `count`. */
  #random(count: number): number {
    return Math.floor(this.#options.environment.random() * count);
  }

  #page(start: PageStart) {
    const { environment, keys } = this.#options;
    return patiently(environment, () => keys.page(start));
  }

  /** A page without the keys that are past their deadlines, which are removed; and what it was with them. */
  async #livePage(start: PageStart) {
    const { keys, leased, hasMore, modRevision } = await this.#page(start);
    const over = new Set<string>();
    for (let place = 0; place < leased.length; place += LEASED_KEYS_AT_ONCE)
      for (const key of await this.#removeOver(leased.slice(place, place + LEASED_KEYS_AT_ONCE), modRevision))
        over.add(key);
    return {
      keys: over.size === 0 ? keys : keys.filter((key) => !over.has(key)),
      count: keys.length,
      last: keys.at(-1) ?? start.from,
      hasMore,
      modRevision,
    };
  }

  /** Removes those of the keys that were past their deadlines as of that revision, and returns them. */
  async #removeOver(names: readonly string[], modRevision: number): Promise<readonly string[]> {
    const { environment, keys, timeMs } = this.#options;
    const records = await patiently(environment, () => keys.read(names, modRevision));
    const over: [string, EtcdRecord][] = [];
    for (const [key, record] of records)
      if (record !== undefined && isOver(record, timeMs())) over.push([key, record]);
    if (over.length === 0 || (await this.#remove(over))) return over.map(([key]) => key);
    // Another server has changed one of them: whoever takes it for alive must not be told otherwise.
    const removed: string[] = [];
    for (const one of over) if (await this.#remove([one])) removed.push(one[0]);
    return removed;
  }

  async #remove(over: readonly (readonly [string, EtcdRecord])[]): Promise<boolean> {
    const { environment, keys } = this.#options;
    const changes = over.map(([key]) => ({ key, stored: undefined }));
    // If it is done although etcd has not answered, the next try finds the keys changed.
    const written = await patiently(environment, () => keys.write(new Map(over), changes, READ_TIMEOUT_MS));
    return written !== undefined;
  }
}

function* matching(
  keys: readonly string[],
  pattern: string,
  work: Work,
): Steps<readonly string[] | ErrorReply> {
  const match = new GlobMatch(pattern);
  const found: string[] = [];
  for (const key of keys) {
    const isMatch = yield* matches(match, key, work);
    if (isMatch instanceof ErrorReply) return isMatch;
    if (isMatch) found.push(key);
    if (work.isSpent) yield;
  }
  return found;
}

/** The first that may come after the key in the order of their bytes. */
function after(key: string): string {
  return `${key}\0`;
}
