/**
 * Clients that write without pause and remember what they were promised.
 *
 * Each client has a key of its own and counts up in it, through the router or through the servers' ports, where it goes
 * wherever it is sent. So for each key it is known what the cluster acknowledged last, and which later writes it may
 * have kept as well.
 */

import { replyOrEnd, type TextClient, type TextReply } from '../../tools/support/text-client.js';
import type { TestCluster } from './cluster.js';

export class Writer {
  readonly key: string;
  /** Acknowledged writes, in order. */
  readonly acknowledged: { readonly value: number; readonly version: number }[] = [];
  /** The last value that was sent. */
  sent = 0;
  /** Replies that break a promise. */
  readonly violations: string[] = [];
  readonly #connect: () => Promise<TextClient>;
  #isStopped = false;
  #running: Promise<void> | undefined;

  /** @param connect makes a connection to some server that may take writes; called again when one ends */
  constructor(key: string, connect: () => Promise<TextClient>) {
    this.key = key;
    this.#connect = connect;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  /** Checks what a read says now against what was promised. */
  check(reply: TextReply): void {
    const last = this.acknowledged.at(-1);
    if (reply.type !== 'META') {
      if (last !== undefined) this.violations.push(`${this.key} was lost: ${reply.type}`);
      return;
    }
    if (last !== undefined && reply.version < last.version)
      this.#report(`version went back to ${reply.version}`);
    if (last !== undefined && Number(reply.value) < last.value)
      this.#report(`value went back to ${reply.value}`);
    if (Number(reply.value) > this.sent) this.#report(`${reply.value} was never written`);
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      const client = await this.#connect().catch(() => undefined);
      if (client === undefined) await new Promise((resolve) => setTimeout(resolve, 2));
      else await this.#useUp(client);
    }
  }

  /** Writes until the connection ends or leads nowhere. */
  async #useUp(client: TextClient): Promise<void> {
    while (!this.#isStopped) {
      this.sent += 1;
      const reply = await replyOrEnd(client.set(this.key, `${this.sent}`));
      if (reply?.type === 'OK') this.#acknowledge(reply.version);
      else if (reply?.type !== 'ERR_INTERNAL') break;
    }
    client.close();
  }

  #acknowledge(version: number): void {
    const last = this.acknowledged.at(-1);
    if (last !== undefined && version <= last.version) this.#report(`version ${version} again`);
    this.acknowledged.push({ value: this.sent, version });
  }

  #report(what: string): void {
    this.violations.push(`${this.key} after ${JSON.stringify(this.acknowledged.at(-1))}: ${what}`);
  }
}

/** Writers through the router and through the servers' own ports, running, until the cluster is closed at the latest. */
export function startWriters(cluster: TestCluster, count: number): Writer[] {
  const writers = Array.from({ length: count }, (_, i) => {
    let next = i;
    const anyServer = () => {
      next += 1;
      return cluster.client(next % cluster.ids.length);
    };
    return new Writer(`writer:${i}`, i % 2 === 0 ? () => cluster.routerClient() : anyServer);
  });
  for (const writer of writers) writer.start();
  cluster.beforeClose(() => stopAll(writers));
  return writers;
}

async function stopAll(writers: readonly Writer[]): Promise<void> {
  await Promise.all(writers.map((writer) => writer.stop()));
}

/** Stops the writers, and returns every promise that the cluster broke. */
export async function settle(cluster: TestCluster, writers: readonly Writer[]): Promise<string[]> {
  await stopAll(writers);
  const reader = await cluster.leaderClient();
  for (const writer of writers) writer.check(await reader.getm(writer.key));
  return writers.flatMap(({ violations }) => violations);
}
