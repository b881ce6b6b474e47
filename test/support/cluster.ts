/**
 * A cluster for one test, with clients, on ports of its own, gone without a trace afterwards.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cluster } from '../../src/cluster/cluster.js';
import type { ClusterEnvironment } from '../../src/cluster/cluster-environment.js';
import type { ClusterOptions } from '../../src/cluster/cluster-options.js';
import { freePorts } from '../../tools/support/free-ports.js';
import { TextClient } from '../../tools/support/text-client.js';

/** The machine may be busy with other things: no server stands still for this long because of them. */
export const TEST_ELECTION_TIMEOUT_MS = 1_000;
/** What takes longer than this does not happen, however busy the machine is. */
export const WAIT_TIMEOUT_MS = 30_000;

export class TestCluster {
  readonly cluster: Cluster;
  readonly #clients: TextClient[] = [];
  readonly #stops: (() => Promise<void>)[] = [];

  private constructor(cluster: Cluster) {
    this.cluster = cluster;
  }

  /** A running cluster of three servers, which all know of their leader, in memory, unless told otherwise. */
  static async start(
    options: Partial<ClusterOptions> = {},
    environment: ClusterEnvironment = {},
  ): Promise<TestCluster> {
    const port = options.port ?? (await freePorts());
    const routerPort = port + 20;
    const cluster = new Cluster(
      {
        servers: 3,
        port,
        routerPort,
        memory: options.dataDir === undefined,
        electionTimeoutMs: TEST_ELECTION_TIMEOUT_MS,
        ...options,
      },
      environment,
    );
    await cluster.start();
    await everyServerUp(cluster);
    return new TestCluster(cluster);
  }

  /** The serving leader; waits for one. */
  leader(): Promise<number> {
    return this.cluster.waitForLeader(WAIT_TIMEOUT_MS);
  }

  /** Every server but the leader. */
  async followers(): Promise<number[]> {
    const leader = await this.leader();
    return this.ids.filter((id) => id !== leader);
  }

  get ids(): number[] {
    return Array.from({ length: this.cluster.options.servers }, (_, id) => id);
  }

  /** A client of this server's own port. */
  async client(id: number): Promise<TextClient> {
    return this.#keep(await TextClient.connect(this.cluster.serverAddress(id).port));
  }

  /** A client of the leader's port. */
  async leaderClient(): Promise<TextClient> {
    return this.client(await this.leader());
  }

  /** A client of the router's port. */
  async routerClient(): Promise<TextClient> {
    return this.#keep(await TextClient.connect(this.cluster.options.routerPort ?? 0));
  }

  /** Has this done, too, when it is closed: it ends something that goes on as long as the cluster does. */
  beforeClose(stop: () => Promise<void>): void {
    this.#stops.push(stop);
  }

  async close(): Promise<void> {
    const stopped = this.#stops.map((stop) => stop());
    for (const client of this.#clients) client.close();
    await this.cluster.close();
    await Promise.all(stopped);
  }

  #keep(client: TextClient): TextClient {
    this.#clients.push(client);
    return client;
  }
}

/** A directory that is removed by `remove`. */
export async function temporaryDirectory(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'threadraft-test-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** Resolves once every server is up and knows of the leader: there is one as soon as a majority does. */
export async function everyServerUp(cluster: Cluster): Promise<void> {
  await eventually('every server is up, and all are in one term', async () => {
    const { servers } = await cluster.status();
    return servers.every(({ state, term }) => state === 'running' && term === servers[0]?.term);
  });
}

/** Tries until the condition holds. Rejects when it does not within the time. */
export async function eventually(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = WAIT_TIMEOUT_MS,
): Promise<void> {
  const giveUpAtMs = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > giveUpAtMs) throw new Error(`waited ${timeoutMs} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
