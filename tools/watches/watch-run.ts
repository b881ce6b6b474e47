/**
 * Watchers of all keys while clients write, leaders change, servers restart and snapshots are taken: some watch all the time, others
 * begin with the state at any moment. Each must be told each change once and in order, and come to the state that a read tells.
 */

import { setTimeout as pause } from 'node:timers/promises';
import { type KeyValueClient, KvClient } from '../../src/client/index.js';
import { Cluster } from '../../src/index.js';
import { freePorts } from '../support/free-ports.js';
import { Random } from '../support/random.js';
import { Follower, ToldRevisions } from './follower.js';

export interface WatchRunOptions {
  readonly seed: number;
  /** How many watch all the time. */
  readonly watchers: number;
  /** How often another server leads. */
  readonly failovers: number;
  /** How many watches begin with the state, in rounds of {@link BEGINS_PER_ROUND}. */
  readonly begins: number;
}

export interface WatchRunReport {
  /** What was wrong; nothing if all was right. */
  readonly findings: readonly string[];
  readonly changes: number;
  readonly snapshots: number;
  readonly failovers: number;
}

const SERVERS = 3;
const KEYS = Array.from({ length: 32 }, (_, i) => `key-${i}`);
const END_KEY = 'end';
const WRITERS = 4;
const WRITE_PAUSE_MS = 5;
const BEGINS_PER_ROUND = 50;
const ROUND_MS = 2_000;
/** Snapshots are taken again and again. */
const SNAPSHOT_LOG_BYTES = 64 * 1024;
const ELECTION_TIMEOUT_MS = 300;
const PATIENCE_MS = 30_000;

/** Rejects when the cluster itself fails. */
export async function runWatches(options: WatchRunOptions): Promise<WatchRunReport> {
  const port = await freePorts();
  const cluster = new Cluster({
    servers: SERVERS,
    port,
    routerPort: port + 2 * SERVERS,
    memory: true,
    snapshotLogBytes: SNAPSHOT_LOG_BYTES,
    electionTimeoutMs: ELECTION_TIMEOUT_MS,
  });
  await cluster.start();
  try {
    return await new WatchRun(cluster, options).run();
  } finally {
    await cluster.close();
  }
}

class WatchRun {
  readonly #cluster: Cluster;
  readonly #options: WatchRunOptions;
  readonly #random: Random;
  readonly #told = new ToldRevisions();
  /** One knows the router alone, one the servers, and one is in this process. */
  readonly #clients: readonly [KeyValueClient, KeyValueClient, KeyValueClient];
  readonly #ended: Promise<void>[] = [];
  #snapshots = 0;
  #failovers = 0;
  #written = 0;
  #begun = 0;

  constructor(cluster: Cluster, options: WatchRunOptions) {
    this.#cluster = cluster;
    this.#options = options;
    this.#random = new Random(options.seed);
    const router = cluster.routerAddress;
    if (router === undefined) throw new TypeError('the cluster has a router');
    const servers = cluster.ids.map((id) => cluster.serverAddress(id));
    this.#clients = [new KvClient({ servers: [router] }), new KvClient({ servers }), cluster.client()];
    cluster.on('snapshot-taken', () => {
      this.#snapshots += 1;
    });
  }

  async run(): Promise<WatchRunReport> {
    const { watchers, failovers, begins } = this.#options;
    const rounds = Math.max(1, Math.ceil(begins / BEGINS_PER_ROUND));
    // Revisions begin with the first change.
    await this.#clients[0].set(END_KEY, '0', { timeoutMs: PATIENCE_MS });
    const always = Array.from({ length: watchers }, (_, id) => this.#begin(`watcher ${id}`, id % 2 === 0));
    for (let round = 1; round <= rounds; round += 1) {
      const share = (of: number) =>
        Math.floor((of * round) / rounds) - Math.floor((of * (round - 1)) / rounds);
      await this.#round(round, { always, begins: share(begins), failovers: share(failovers) });
    }
    for (const follower of always) {
      await follower.end();
      if (follower.resets > 0)
        this.#told.findings.push(`a watcher was told ${follower.resets} times that changes were missed`);
    }
    await Promise.all(this.#ended);
    for (const client of this.#clients) await client.close();
    const { findings, count: changes } = this.#told;
    return { findings, changes, snapshots: this.#snapshots, failovers: this.#failovers };
  }

  #begin(name: string, isToldState: boolean): Follower {
    const client = this.#clients[this.#begun % this.#clients.length] ?? this.#clients[0];
    this.#begun += 1;
    const follower = new Follower(
      name,
      client.watch('', isToldState ? { from: 0 } : {}),
      isToldState,
      this.#told,
    );
    this.#ended.push(follower.run());
    return follower;
  }

  async #round(
    round: number,
    { always, begins, failovers }: { always: readonly Follower[]; begins: number; failovers: number },
  ): Promise<void> {
    const over = new AbortController();
    const acknowledged: string[] = [];
    const writing = Array.from({ length: WRITERS }, (_, writer) =>
      this.#write(`${round}.${writer}`, acknowledged, over.signal),
    );
    const begun: Follower[] = [];
    const beginning = Array.from({ length: begins }, async (_, place) => {
      await pause(this.#random.between(0, ROUND_MS));
      begun.push(this.#begin(`watch ${round}.${place} from the state on`, true));
    });
    for (let left = failovers; left > 0; left -= 1) await this.#failOver();
    await Promise.all([...beginning, pause(failovers === 0 ? ROUND_MS : 0)]);
    over.abort();
    await Promise.all(writing);
    await this.#clients[0].set(END_KEY, `${round}`, { timeoutMs: PATIENCE_MS });
    await this.#compare(round, [...always, ...begun]);
    for (const value of acknowledged)
      if (!this.#told.hasSeen(value))
        this.#told.findings.push(`nobody was told of ${value}, which was written`);
    for (const follower of begun) await follower.end();
  }

  async #write(name: string, acknowledged: string[], over: AbortSignal): Promise<void> {
    const kv = this.#random.of(this.#clients);
    while (!over.aborted) {
      const key = this.#random.of(KEYS);
      this.#written += 1;
      const value = `${name}.${this.#written}`;
      try {
        if (this.#random.chance(0.2)) await kv.delete(key);
        else {
          await kv.set(key, value);
          acknowledged.push(value);
        }
      } catch (error) {
        this.#told.findings.push(`a write ended in ${String(error)}`);
      }
      await pause(this.#random.between(0, WRITE_PAUSE_MS));
    }
  }

  /** The leader is killed, is stopped, or hands over; what ends of it starts again. */
  async #failOver(): Promise<void> {
    const cluster = this.#cluster;
    const leader = await cluster.waitForLeader(PATIENCE_MS);
    const how = this.#random.of(['kill', 'stop', 'transfer'] as const);
    const next = this.#random.of(cluster.ids.filter((id) => id !== leader));
    await pause(this.#random.between(0, ROUND_MS / 10));
    this.#failovers += 1;
    if (how === 'transfer') {
      // It may be that nobody takes over in time.
      await cluster.transferLeadership(next).catch(() => undefined);
      return;
    }
    await (how === 'kill' ? cluster.kill(leader) : cluster.stop(leader));
    await cluster.waitForLeader(PATIENCE_MS);
    await cluster.restart(leader);
  }

  /** Once all writes are over, each is to come to the state that reads tell. */
  async #compare(round: number, followers: readonly Follower[]): Promise<void> {
    const isAtEnd = ({ view }: Follower) => view.get(END_KEY) === `${round}`;
    const giveUpAtMs = performance.now() + PATIENCE_MS;
    while (!followers.every(isAtEnd) && performance.now() < giveUpAtMs) await pause(5);
    const late = followers.filter((one) => !isAtEnd(one)).length;
    if (late > 0) this.#told.findings.push(`${late} watchers were not told of the end of round ${round}`);
    for (const key of KEYS) {
      const value = await this.#clients[0].get(key, { timeoutMs: PATIENCE_MS });
      const wrong = followers.filter(({ view }) => view.get(key) !== value).length;
      if (wrong > 0)
        this.#told.findings.push(`${wrong} watchers do not know ${key} as a read tells it in round ${round}`);
    }
  }
}
