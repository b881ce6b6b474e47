/**
 * The built program as a child process with a data directory of its own, for measurements from outside.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ClusterStatus } from '../src/index.js';

const MAIN_FILE = fileURLToPath(new URL('../src/main.js', import.meta.url));
const READY_PATIENCE_MS = 15_000;

export interface ProgramOptions {
  readonly servers: number;
  /** More options of the command line, such as `--no-fsync`. */
  readonly more?: readonly string[];
}

/** The program did not start. */
export class ProgramError extends Error {
  constructor(complaint: string) {
    super(`the program did not start: ${complaint}`);
    this.name = 'ProgramError';
  }
}

export class Program {
  readonly servers: number;
  readonly firstPort: number;
  readonly routerPort: number;
  readonly httpPort: number;
  readonly #child: ChildProcess;
  readonly #directory: string;

  private constructor(child: ChildProcess, directory: string, servers: number, firstPort: number) {
    this.#child = child;
    this.#directory = directory;
    this.servers = servers;
    this.firstPort = firstPort;
    this.routerPort = firstPort + ROUTER_OFFSET;
    this.httpPort = firstPort + HTTP_OFFSET;
  }

  /** Starts the program on free ports; resolves once it is ready. Rejects with {@link ProgramError}. */
  static async start({ servers, more = [] }: ProgramOptions): Promise<Program> {
    const directory = await mkdtemp(join(tmpdir(), 'threadraft-bench-'));
    const port = await freePorts();
    const flags = {
      '--servers': servers,
      '--port': port,
      '--router-port': port + ROUTER_OFFSET,
      '--http-port': port + HTTP_OFFSET,
    };
    const args = [
      ...Object.entries(flags).flatMap(([flag, value]) => [flag, `${value}`]),
      '--log-level',
      'error',
      ...more,
    ];
    const dataDir = more.includes('--memory') ? [] : ['--data-dir', join(directory, 'data')];
    const child = spawn(process.execPath, [MAIN_FILE, ...args, ...dataDir], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const program = new Program(child, directory, servers, port);
    try {
      await ready(child);
      return program;
    } catch (error) {
      await program.stop();
      throw error;
    }
  }

  /** The port of server `id`. */
  serverPort(id: number): number {
    return this.firstPort + 2 * id;
  }

  /** The leader, asked for at the admin API. Rejects while there is none. */
  async leader(): Promise<number> {
    const { leader } = await this.#status();
    if (leader === null) throw new Error('there is no leader');
    return leader;
  }

  /** How far each server that runs has applied the log. */
  async appliedIndexes(): Promise<number[]> {
    const { servers } = await this.#status();
    return servers.filter(({ state }) => state === 'running').map(({ lastApplied }) => lastApplied);
  }

  async #status(): Promise<ClusterStatus> {
    const status: ClusterStatus = JSON.parse(
      await (await fetch(`http://127.0.0.1:${this.httpPort}/api/status`)).text(),
    );
    return status;
  }

  /** Calls the admin API; resolves to whether it did what it was asked. */
  async post(path: string): Promise<boolean> {
    return (await fetch(`http://127.0.0.1:${this.httpPort}/api/${path}`, { method: 'POST' })).ok;
  }

  /** Stops the program and removes its files. */
  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exited = once(this.#child, 'exit');
      this.#child.kill('SIGTERM');
      await exited;
    }
    await rm(this.#directory, { recursive: true, force: true });
  }
}

const ROUTER_OFFSET = 20;
const HTTP_OFFSET = 21;

/** Resolves when the program says so on its stdout. */
async function ready(child: ChildProcess): Promise<void> {
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new ProgramError('it has no output');
  let complaint = '';
  stderr.on('data', (chunk: Buffer) => {
    complaint = `${complaint}${chunk}`.slice(-1_000);
  });
  const lines = createInterface({ input: stdout });
  const timer = setTimeout(() => lines.close(), READY_PATIENCE_MS);
  for await (const line of lines) {
    if (!line.startsWith('ready')) continue;
    clearTimeout(timer);
    stdout.resume();
    return;
  }
  clearTimeout(timer);
  throw new ProgramError(complaint.trim() || `it was not ready within ${READY_PATIENCE_MS} ms`);
}

/** The first of as many free ports as a program needs, below the range that the system gives out. */
async function freePorts(): Promise<number> {
  while (true) {
    const first = 12_000 + Math.floor(Math.random() * 600) * 32;
    const ports = Array.from({ length: HTTP_OFFSET + 1 }, (_, offset) => first + offset);
    const areFree = await Promise.all(ports.map(isFree));
    if (areFree.every((free) => free)) return first;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
