/** etcd as processes of its own, with empty directories: one node, or several that form a cluster. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePorts } from './free-ports.js';

const START_TIMEOUT_MS = 30_000;
const POLL_MS = 20;

/** Whether etcd is installed. */
export const HAS_ETCD = spawnSync('etcd', ['--version']).status === 0;

interface NodeOptions {
  readonly name: string;
  readonly clientPort: number;
  readonly peerPort: number;
  /** How the others reach it: by {@link peerPort} unless something stands in between. */
  readonly advertisedPeerPort: number;
  /** All nodes of its cluster, as etcd's `--initial-cluster`. */
  readonly initialCluster: string;
  readonly args: readonly string[];
}

/** A node of etcd. */
export class Etcd {
  readonly #options: NodeOptions;
  readonly #directory: string;
  #process: ChildProcess | undefined;

  private constructor(options: NodeOptions, directory: string) {
    this.#options = options;
    this.#directory = directory;
  }

  static async #create(options: NodeOptions): Promise<Etcd> {
    return new Etcd(options, await mkdtemp(join(tmpdir(), 'threadraft-etcd-')));
  }

  /** A cluster of one, with `--unsafe-no-fsync`. Resolves once it answers. */
  static async start(...args: readonly string[]): Promise<Etcd> {
    return Etcd.#startAlone(await freePorts(), ['--unsafe-no-fsync', ...args]);
  }

  /** The same, but it syncs its disk as etcd does unless told otherwise. */
  static async startSafe(): Promise<Etcd> {
    return Etcd.#startAlone(await freePorts(), []);
  }

  /** The same, which also takes clients by TLS that show a certificate of the CA. Files are those of the server's own. */
  static async startWithTls(files: { cert: string; key: string; ca: string }): Promise<Etcd> {
    const port = await freePorts();
    const urls = `http://127.0.0.1:${port},https://127.0.0.1:${port + 2}`;
    const tls = ['--cert-file', files.cert, '--key-file', files.key, '--trusted-ca-file', files.ca];
    return Etcd.#startAlone(port, ['--listen-client-urls', urls, '--client-cert-auth', ...tls]);
  }

  static async #startAlone(port: number, args: readonly string[]): Promise<Etcd> {
    const etcd = await Etcd.#create({
      name: 'node',
      clientPort: port,
      peerPort: port + 1,
      advertisedPeerPort: port + 1,
      initialCluster: `node=http://127.0.0.1:${port + 1}`,
      args,
    });
    await etcd.run();
    return etcd;
  }

  /**
   * A cluster on loopback. Resolves once each node answers.
   *
   * @param between told of the port that each node's peers listen on; what it resolves to is where the others are sent
   */
  static async startCluster(
    size: number,
    between: (peerPort: number) => Promise<number> = async (peerPort) => peerPort,
  ): Promise<readonly Etcd[]> {
    const port = await freePorts();
    const places = Array.from({ length: size }, (_, place) => ({
      name: `node${place}`,
      clientPort: port + 2 * place,
      peerPort: port + 2 * place + 1,
    }));
    const advertised = await Promise.all(places.map(({ peerPort }) => between(peerPort)));
    const initialCluster = places
      .map(({ name, peerPort }, place) => `${name}=http://127.0.0.1:${advertised[place] ?? peerPort}`)
      .join(',');
    const nodes = await Promise.all(
      places.map((one, place) =>
        Etcd.#create({
          ...one,
          advertisedPeerPort: advertised[place] ?? one.peerPort,
          initialCluster,
          args: ['--unsafe-no-fsync'],
        }),
      ),
    );
    await Promise.all(nodes.map((node) => node.run()));
    return nodes;
  }

  get tlsEndpoint(): string {
    return `https://127.0.0.1:${this.#options.clientPort + 2}`;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.#options.clientPort}`;
  }

  get peerPort(): number {
    return this.#options.peerPort;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Starts it, with what it has on its disk. Resolves once it answers. */
  async run(): Promise<void> {
    this.#spawn();
    await this.waitUntil({ isServing: true });
  }

  /** Resolves once it says of itself that it serves, or that it does not; rejects when that takes too long. */
  async waitUntil({ isServing }: { readonly isServing: boolean }): Promise<void> {
    const giveUpAtMs = performance.now() + START_TIMEOUT_MS;
    while ((await this.#isServing()) !== isServing) {
      if (performance.now() > giveUpAtMs)
        throw new Error(`etcd ${isServing ? 'does not serve' : 'still serves'}`);
      await pause(POLL_MS);
    }
  }

  #spawn(): void {
    const { name, peerPort, advertisedPeerPort, initialCluster, args } = this.#options;
    const advertised = `http://127.0.0.1:${advertisedPeerPort}`;
    this.#process = spawn(
      'etcd',
      [
        ...['--name', name, '--data-dir', this.#directory, '--log-level', 'error'],
        ...['--listen-client-urls', this.endpoint, '--advertise-client-urls', this.endpoint],
        ...['--listen-peer-urls', `http://127.0.0.1:${peerPort}`],
        ...['--initial-advertise-peer-urls', advertised, '--initial-cluster', initialCluster],
        ...args,
      ],
      { stdio: 'ignore' },
    );
  }

  /** Has it stand still, as a machine that hangs; resolves once it does. */
  async pause(): Promise<void> {
    this.#process?.kill('SIGSTOP');
    const isStopped = async () => / T /.test(await readFile(`/proc/${this.#process?.pid}/stat`, 'utf8'));
    while (!(await isStopped())) await pause(POLL_MS);
  }

  goOn(): void {
    this.#process?.kill('SIGCONT');
  }

  /** Ends the process, and leaves what is on its disk. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** The answer to a request of its HTTP API. */
  async ask(path: string, body: object): Promise<unknown> {
    const response = await fetch(new URL(path, this.endpoint), {
      method: 'POST',
      body: JSON.stringify(body),
    });
    return response.json();
  }

  async #isServing(): Promise<boolean> {
    const response = await fetch(new URL('/health', this.endpoint)).catch(() => undefined);
    return response?.ok === true;
  }
}

/** The node's own id, as its peers are told it. */
export async function idOf(node: Etcd): Promise<string> {
  const status = await node.ask('/v3/maintenance/status', {});
  const header: unknown = new Map(Object.entries(status ?? {})).get('header');
  return BigInt(new Map(Object.entries(header ?? {})).get('member_id')).toString(16);
}
