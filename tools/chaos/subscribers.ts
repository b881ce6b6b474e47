/**
 * Redis clients that are subscribed to the events of keys, one at the router and one at any port. What they are told is judged by
 * what watchers were told: each event at most once, in order, and none that has not happened.
 */

import { setTimeout as pause } from 'node:timers/promises';
import type { Random } from '../support/random.js';
import { type Raw, RedisClient } from '../support/redis-client.js';
import type { Findings } from './findings.js';

const PATTERN = '__keyevent@0__:*';
/** The kind of change that an event is told of. A deadline that comes with a value is an event of its own, and no change. */
const KINDS: ReadonlyMap<string, string> = new Map([
  ['set', 'set'],
  ['del', 'deleted'],
  ['expired', 'expired'],
]);
const REST_MS = 50;
const END_TIMEOUT_MS = 20_000;

export interface SubscribersOptions {
  /** Whether there are any. */
  readonly areThere: boolean;
  /** Of the servers, and at the end of the router. */
  readonly ports: readonly number[];
  readonly prefix: string;
  readonly random: Random;
  readonly findings: Findings;
}

export class Subscribers {
  readonly #options: SubscribersOptions;
  readonly #subscribers: readonly Subscriber[];
  #missed = 0;

  constructor(options: SubscribersOptions) {
    const { areThere, ports, random } = options;
    this.#options = options;
    this.#subscribers = areThere
      ? [
          new Subscriber(
            'the subscriber at the router',
            ports.slice(-1),
            random.split('router'),
            options.prefix,
          ),
          new Subscriber('the subscriber at any port', ports, random.split('any'), options.prefix),
        ]
      : [];
  }

  get summary(): string {
    const events = this.#subscribers.map(({ told }) => told.length).join(' and ');
    const connections = this.#subscribers.map(({ connections: count }) => count).join(' and ');
    return `subscribers: told of ${events} events by ${connections} connections, ${this.#missed} missed`;
  }

  /** Each is subscribed. */
  async begin(): Promise<void> {
    await Promise.all(this.#subscribers.map((subscriber) => subscriber.connect()));
  }

  /** Goes on until told to stop; they stay subscribed. */
  async run(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      await pause(REST_MS);
      for (const subscriber of this.#subscribers) subscriber.takeTold();
    }
  }

  /**
   * Once nobody writes any more.
   *
   * @param endKey was written last
   * @param changes all that happened, each as its kind and key; undefined if nobody knows
   */
  async finish(endKey: string, changes: readonly string[] | undefined): Promise<void> {
    const giveUpAtMs = performance.now() + END_TIMEOUT_MS;
    for (const subscriber of this.#subscribers) {
      const isAtEnd = () => {
        subscriber.takeTold();
        return subscriber.told.at(-1) === `set ${endKey}`;
      };
      while (!isAtEnd() && performance.now() < giveUpAtMs) await pause(REST_MS);
      if (!isAtEnd()) this.#options.findings.add(`${subscriber.name} was not told of the end`);
      subscriber.close();
      const wrong = changes === undefined ? undefined : firstNotAmong(subscriber.told, changes);
      if (wrong !== undefined)
        this.#options.findings.add(
          `${subscriber.name} was told "${subscriber.told[wrong]}" as its event ${wrong}, twice or out of turn`,
        );
      this.#missed += Math.max(0, (changes?.length ?? 0) - subscriber.told.length);
    }
  }
}

/** The place of the first that is not among the others after those before it; undefined if all are, in that order. */
export function firstNotAmong(told: readonly string[], all: readonly string[]): number | undefined {
  let at = 0;
  for (const [place, one] of told.entries()) {
    while (at < all.length && all[at] !== one) at += 1;
    if (at === all.length) return place;
    at += 1;
  }
  return undefined;
}

class Subscriber {
  readonly name: string;
  readonly #ports: readonly number[];
  readonly #random: Random;
  readonly #prefix: string;
  /** What it was told of, as the kind of change and the key. */
  readonly told: string[] = [];
  connections = 0;
  #client: RedisClient | undefined;
  #isOver = false;

  constructor(name: string, ports: readonly number[], random: Random, prefix: string) {
    this.name = name;
    this.#ports = ports;
    this.#random = random;
    this.#prefix = prefix;
  }

  /** Subscribes, and does so again whenever the connection is gone. Resolves once it is subscribed. */
  async connect(): Promise<void> {
    while (!this.#isOver) {
      const client = await RedisClient.connect(this.#random.of(this.#ports)).catch(() => undefined);
      const reply = await (client === undefined
        ? undefined
        : Promise.race([client.call('PSUBSCRIBE', PATTERN), client.closed]));
      if (client !== undefined && Array.isArray(reply)) {
        this.connections += 1;
        this.#client = client;
        void client.closed.then(() => {
          this.takeTold();
          if (!this.#isOver) void this.connect();
        });
        return;
      }
      client?.close();
      await pause(REST_MS);
    }
  }

  /** Notes what came since the last call. */
  takeTold(): void {
    for (const message of this.#client?.told.splice(0) ?? []) this.#note(message);
  }

  #note(message: Raw): void {
    if (!Array.isArray(message)) return;
    const [, , channel, key] = message;
    const kind = KINDS.get(String(channel).slice(PATTERN.length - 1));
    if (kind !== undefined && String(key).startsWith(this.#prefix)) this.told.push(`${kind} ${key}`);
  }

  close(): void {
    this.#isOver = true;
    this.#client?.close();
  }
}
