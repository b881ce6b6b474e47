/** The part of the clients that are KvClients: they write and read, count keys up, and watch; and those that subscribe. */

import { KvClient } from '../../src/client/index.js';
import { knownCa } from '../support/dial.js';
import type { Random } from '../support/random.js';
import type { ClientOptions } from './client.js';
import type { Findings } from './findings.js';
import type { HistoryLine } from './history-file.js';
import { KvChaosClient } from './kv-chaos-client.js';
import { OnceCounter } from './once-counter.js';
import { Subscribers } from './subscribers.js';
import { UpdateCounter } from './update-counter.js';
import { Watchers } from './watchers.js';

const UPDATE_KEYS = 2;
/** Keys that are counted up by `once`, each by several clients. */
const ONCE_KEYS = 2;
const ONCE_COUNTERS = 4;
/** Of as many clients, one knows the router alone. */
const ROUTER_EVERY = 3;
const FINAL_TIMEOUT_MS = 10_000;

export interface KvPartOptions extends Pick<ClientOptions, 'keys' | 'ports' | 'note'> {
  readonly clients: number;
  /** The number of the first one in the history. */
  readonly firstClient: number;
  readonly watchers: number;
  readonly watchedPrefix: string;
  readonly random: Random;
  readonly findings: Findings;
}

export class KvPart {
  readonly #options: KvPartOptions;
  readonly #kvs: readonly KvClient[];
  readonly #counters: readonly UpdateCounter[];
  readonly #onceCounters: readonly OnceCounter[];
  readonly #watchers: Watchers;
  readonly #subscribers: Subscribers;

  constructor(options: KvPartOptions) {
    const { clients, firstClient, ports, random, findings, watchers, watchedPrefix } = options;
    this.#options = options;
    const ca = knownCa();
    const address = (port: number) => ({ host: '127.0.0.1', port });
    this.#kvs = Array.from({ length: Math.max(1, clients) }, (_, place) => {
      const servers = place % ROUTER_EVERY === 0 ? ports.slice(-1) : ports;
      return new KvClient({ servers: servers.map(address), ...(ca === undefined ? {} : { tls: { ca } }) });
    });
    this.#counters = this.#kvs.map(
      (kv, place) => new UpdateCounter(kv, `updated-${place % UPDATE_KEYS}`, firstClient + place, findings),
    );
    this.#onceCounters = Array.from({ length: clients === 0 ? 0 : ONCE_COUNTERS }, (_, place) => {
      const client = firstClient + clients + place;
      const key = `counted-${place % ONCE_KEYS}`;
      return new OnceCounter({ client, key, random: random.split(`once ${place}`), ports, findings });
    });
    this.#watchers = new Watchers({
      clients: this.#kvs,
      count: watchers,
      prefix: watchedPrefix,
      random: random.split('watchers'),
      findings,
    });
    this.#subscribers = new Subscribers({
      areThere: watchers > 0,
      ports,
      prefix: watchedPrefix,
      random: random.split('subscribers'),
      findings,
    });
  }

  get summary(): readonly string[] {
    const counted = this.#onceCounters.reduce((sum, { counted: count }) => sum + count, 0);
    return [
      `counted up by update ${this.#counters.reduce((sum, { count }) => sum + count, 0)} times, by once ${counted} times`,
      this.#watchers.summary,
      this.#subscribers.summary,
    ];
  }

  /** An operation of any client was noted in the history. */
  noteWrite(line: HistoryLine): void {
    this.#watchers.noteWrite(line);
  }

  /** Those who are to be told of everything are there. */
  async begin(): Promise<void> {
    await this.#watchers.begin();
    await this.#subscribers.begin();
  }

  /** Goes on until told to stop. */
  async run(isOver: () => boolean): Promise<void> {
    const { clients, firstClient, keys, note, random, findings } = this.#options;
    const kvClients = this.#kvs.slice(0, clients).flatMap((kv, place) => {
      const counter = this.#counters[place];
      if (counter === undefined) return [];
      const client = firstClient + place;
      return [
        new KvChaosClient({ client, random: random.split(`kv ${place}`), keys, note, kv, counter, findings }),
      ];
    });
    await Promise.all(
      [...kvClients, ...this.#onceCounters, this.#watchers, this.#subscribers].map((one) => one.run(isOver)),
    );
  }

  /** Once all clients have ended, and no fault is left: looks at what came of it all. */
  async finish(): Promise<void> {
    const { clients } = this.#options;
    const counters = this.#counters.slice(0, clients);
    // One after the other: those that count the same key up would keep each other from it.
    for (const counter of counters) await counter.finish();
    for (const counter of counters) await counter.check();
    await this.#checkOnceKeys();
    await this.#watchers.finish();
    await this.#subscribers.finish(this.#watchers.endKey, this.#watchers.changes);
    await Promise.all(this.#kvs.map((kv) => kv.close()));
  }

  async #checkOnceKeys(): Promise<void> {
    const [kv] = this.#kvs;
    for (let place = 0; place < ONCE_KEYS && this.#onceCounters.length > 0; place += 1) {
      const counters = this.#onceCounters.filter((_, of) => of % ONCE_KEYS === place);
      const counted = counters.reduce((sum, { counted: count }) => sum + count, 0);
      const found = Number((await kv?.get(`counted-${place}`, { timeoutMs: FINAL_TIMEOUT_MS })) ?? 0);
      if (found !== counted)
        this.#options.findings.add(
          `counted-${place} is ${found}, and was counted up ${counted} times by once`,
        );
    }
  }
}
