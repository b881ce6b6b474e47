/**
 * Clients that send commands at a fixed rate, on keys that live for some seconds: half are SETs with EX, a third GETs, the
 * others EXPIREs. What is to be found in memory is the same after an hour as after a minute.
 */

import { Random } from '../../support/random.js';
import { RedisClient } from '../../support/redis-client.js';

const TICK_MS = 5;
const CLIENTS = 20;
const SET_FRACTION = 1 / 2;
const GET_FRACTION = 1 / 3;
const LONGEST_TTL_S = 30;
/** Reads and EXPIREs look for keys among this many of those that were set last: about half of them live. */
const RECENT_KEYS = 48_000;
/** Keys are named anew after this many. */
const KEY_NAMES = 1_000_000;
const VALUE_BYTES = [100, 800] as const;
const VALUE = 'v'.repeat(VALUE_BYTES[1]);

export interface LoadCounts {
  readonly answered: number;
  readonly errors: number;
  /** The longest wait for an answer since this was asked last, in ms. */
  readonly longestMs: number;
}

export class ExpiringLoad {
  readonly #clients: readonly RedisClient[];
  readonly #random = new Random(1);
  readonly #timer: NodeJS.Timeout;
  readonly #commandsPerMs: number;
  #lastMs = performance.now();
  #due = 0;
  #sets = 0;
  #next = 0;
  #answered = 0;
  #errors = 0;
  #longestMs = 0;

  private constructor(clients: readonly RedisClient[], commandsPerSecond: number) {
    this.#clients = clients;
    this.#commandsPerMs = commandsPerSecond / 1_000;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** Begins to send to a port that takes RESP and stays open. */
  static async begin(port: number, commandsPerSecond: number): Promise<ExpiringLoad> {
    const clients = await Promise.all(Array.from({ length: CLIENTS }, () => RedisClient.connect(port)));
    return new ExpiringLoad(clients, commandsPerSecond);
  }

  takeCounts(): LoadCounts {
    const counts = { answered: this.#answered, errors: this.#errors, longestMs: this.#longestMs };
    this.#answered = 0;
    this.#errors = 0;
    this.#longestMs = 0;
    return counts;
  }

  end(): void {
    clearInterval(this.#timer);
    for (const client of this.#clients) client.close();
  }

  #tick(): void {
    const nowMs = performance.now();
    this.#due += (nowMs - this.#lastMs) * this.#commandsPerMs;
    this.#lastMs = nowMs;
    for (; this.#due >= 1; this.#due -= 1) {
      this.#next = (this.#next + 1) % this.#clients.length;
      this.#clients[this.#next]?.call(...this.#command()).then((reply) => {
        this.#answered += 1;
        this.#longestMs = Math.max(this.#longestMs, performance.now() - nowMs);
        if (typeof reply === 'object' && reply !== null && 'error' in reply) this.#errors += 1;
      });
    }
  }

  #command(): readonly string[] {
    const random = this.#random;
    const drawn = random.next();
    const ttlS = `${1 + random.below(LONGEST_TTL_S)}`;
    if (drawn < SET_FRACTION) {
      this.#sets += 1;
      return ['SET', keyOf(this.#sets), VALUE.slice(0, random.between(...VALUE_BYTES)), 'EX', ttlS];
    }
    const key = keyOf(Math.max(0, this.#sets - random.below(RECENT_KEYS)));
    return drawn < SET_FRACTION + GET_FRACTION ? ['GET', key] : ['EXPIRE', key, ttlS];
  }
}

function keyOf(number: number): string {
  return `key:${number % KEY_NAMES}`;
}
