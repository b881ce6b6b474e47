import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePorts } from '../../tools/support/free-ports.js';

const START_TIMEOUT_MS = 30_000;
const POLL_MS = 20;

/** Whether etcd is installed. */
export const HAS_ETCD = spawnSync('etcd', ['--version']).status === 0;

/** A node of etcd in a process of its own, with an empty directory. */
export class Etcd {
  readonly #port: number;
  readonly #directory: string;
  readonly #args: readonly string[];
  #process: ChildProcess | undefined;

  private constructor(port: number, directory: string, args: readonly string[]) {
    this.#port = port;
    this.#directory = directory;
    this.#args = args;
  }

  /** Resolves once it answers. */
  static async start(...args: readonly string[]): Promise<Etcd> {
    const directory = await mkdtemp(join(tmpdir(), 'threadraft-etcd-'));
    const etcd = new Etcd(await freePorts(), directory, args);
    await etcd.run();
    return etcd;
  }

  /** The same, which also takes clients by TLS that show a certificate of the CA. Files are those of the server's own. */
  static async startWithTls(files: { cert: string; key: string; ca: string }): Promise<Etcd> {
    const directory = await mkdtemp(join(tmpdir(), 'threadraft-etcd-'));
    const port = await freePorts();
    const urls = `http://127.0.0.1:${port},https://127.0.0.1:${port + 2}`;
    const tls = ['--cert-file', files.cert, '--key-file', files.key, '--trusted-ca-file', files.ca];
    const etcd = new Etcd(port, directory, ['--listen-client-urls', urls, '--client-cert-auth', ...tls]);
    await etcd.run();
    return etcd;
  }

  get tlsEndpoint(): string {
    return `https://127.0.0.1:${this.#port + 2}`;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Starts it, with what it has on its disk. */
  async run(): Promise<void> {
    const peer = `http://127.0.0.1:${this.#port + 1}`;
    this.#process = spawn(
      'etcd',
      [
        ...['--name', 'node', '--data-dir', this.#directory, '--log-level', 'error', '--unsafe-no-fsync'],
        ...['--listen-client-urls', this.endpoint, '--advertise-client-urls', this.endpoint],
        ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
        ...['--initial-cluster', `node=${peer}`],
        ...this.#args,
      ],
      { stdio: 'ignore' },
    );
    const giveUpAtMs = performance.now() + START_TIMEOUT_MS;
    while (!(await this.#answers())) {
      if (performance.now() > giveUpAtMs) throw new Error('etcd does not start');
      await pause(POLL_MS);
    }
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

  async #answers(): Promise<boolean> {
    const response = await fetch(new URL('/health', this.endpoint)).catch(() => undefined);
    return response?.ok === true;
  }
}
