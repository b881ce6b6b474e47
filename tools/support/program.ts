/**
 * The built program as a process of its own, with what a test or a benchmark needs of it: started until it is ready,
 * looked at, hurt through its admin API, stopped or killed, and nothing left behind.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePorts } from './free-ports.js';
import { http } from './http.js';

export interface ProgramOptions {
  /** Script to run; the built command line unless a test brings its own. */
  readonly entry?: string;
  readonly servers?: number;
  /** Whether the directory has a cluster already, which knows its members: `servers` is not said then. */
  readonly isThere?: boolean;
  /** First of 31 ports that are free: server i listens on `port + 2i`. Found unless given. */
  readonly port?: number;
  readonly storage?: ProgramStorage;
  /** Further arguments of the command line. */
  readonly flags?: readonly string[];
  /** Arguments for Node, before the script. */
  readonly nodeFlags?: readonly string[];
  /** Environment variables besides the own ones. */
  readonly env?: Readonly<Record<string, string>>;
  readonly readyTimeoutMs?: number;
  /** The CA of its certificate, if `flags` have it speak TLS. */
  readonly ca?: string | undefined;
}

/**
 * A temporary directory that goes with the program, none at all, with another engine none either, or those that the caller keeps:
 * one, or one for each server.
 */
export type ProgramStorage =
  | 'temporary'
  | 'memory'
  | 'elsewhere'
  | { readonly dataDir: string | readonly string[] };

/** What `GET /api/status` answers. */
export interface ProgramStatus {
  readonly leader: number | null;
  readonly servers: readonly ServerState[];
}

export interface ServerState {
  readonly id: number;
  readonly state: 'running' | 'stopped';
  /** What is wrong with it, if anything is. */
  readonly reason?: string;
  readonly role: string;
  readonly term: number;
  readonly commitIndex: number;
  readonly lastApplied: number;
  readonly lastIndex: number;
  readonly host: string;
  readonly port: number;
}

/** What `GET /api/members` answers. */
export interface ProgramMembers {
  readonly voters: readonly number[];
  readonly learners: readonly number[];
  readonly change: unknown;
}

export interface LinkFault {
  readonly from: number;
  readonly to: number;
  /** Share of the messages that are lost, from 0 to 1. */
  readonly dropRate?: number;
  /** The least and the most that a message takes. */
  readonly delayMs?: readonly [number, number];
}

/** The program did not do what it was told. The message is one line and ends with what the program itself said. */
export class ProgramError extends Error {
  readonly code = 'PROGRAM_FAILED';

  constructor(what: string, lastWords: string) {
    super(lastWords === '' ? what : `${what}: ${lastWords}`);
    this.name = 'ProgramError';
  }
}

const BUILT_PROGRAM = fileURLToPath(new URL('../../src/main.cjs', import.meta.url));
const DEFAULT_SERVERS = 3;
const ROUTER_PORT_OFFSET = 29;
const HTTP_PORT_OFFSET = 30;
/** Several times what these take on a machine that is busy with other things. */
const DEFAULT_READY_TIMEOUT_MS = 45_000;
const STOP_TIMEOUT_MS = 30_000;
const STATUS_TIMEOUT_MS = 45_000;
const STATUS_PAUSE_MS = 5;
const STDERR_TAIL_CHARS = 8 * 1024;

export class Program {
  readonly pid: number;
  /** Each server's client port, by id. */
  readonly serverPorts: readonly number[];
  readonly routerPort: number;
  readonly httpPort: number;
  /** How long it took from the start of the process to the `ready` line. */
  readonly readyAfterMs: number;
  /** Resolves at the end of the process, whatever ended it. */
  readonly exited: Promise<void>;
  readonly #child: ChildProcess;
  readonly #stderr: TailOfStream;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #removeStorage: () => Promise<void>;
  readonly #ca: string | undefined;
  #wasKilled = false;

  private constructor(
    layout: Layout,
    running: RunningChild,
    readyAfterMs: number,
    removeStorage: () => Promise<void>,
    ca: string | undefined,
  ) {
    this.#ca = ca;
    this.serverPorts = layout.serverPorts;
    this.routerPort = layout.routerPort;
    this.httpPort = layout.httpPort;
    this.readyAfterMs = readyAfterMs;
    this.pid = running.pid;
    this.#child = running.child;
    this.exited = new Promise((resolve) => running.child.once('close', () => resolve()));
    this.#stderr = running.stderr;
    this.#removeStorage = removeStorage;
  }

  /** Resolves once a leader serves. Rejects with {@link ProgramError} when that fails or takes too long. */
  static async start(options: ProgramOptions = {}): Promise<Program> {
    const layout = layOut(options.port ?? (await freePorts()), options);
    const { args, remove } = await prepareStorage(options.storage ?? 'temporary');
    try {
      const entry = options.entry ?? BUILT_PROGRAM;
      const startedAtMs = performance.now();
      const nodeFlags = [...startFlags(entry), ...(options.nodeFlags ?? [])];
      const running = run([...nodeFlags, entry, ...layout.args, ...args, ...(options.flags ?? [])], {
        ...process.env,
        ...options.env,
      });
      await untilReady(running, options.readyTimeoutMs ?? DEFAULT_READY_TIMEOUT_MS);
      return new Program(layout, running, performance.now() - startedAtMs, remove, options.ca);
    } catch (error) {
      await remove();
      throw error;
    }
  }

  /** The end of what the program wrote to stderr. */
  get stderrTail(): string {
    return this.#stderr.text;
  }

  get hasExited(): boolean {
    return hasExited(this.#child);
  }

  /** The answer to `GET /api/status`. */
  async status(): Promise<ProgramStatus> {
    const status: ProgramStatus = JSON.parse(await this.#call('GET', '/api/status'));
    return status;
  }

  /**
   * Asks for the status again and again until `look` finds in it what it looks for, and resolves to that.
   *
   * @param what names it in the error when it does not come in time
   */
  async waitFor<T>(
    what: string,
    look: (status: ProgramStatus) => T | false | null | undefined,
    timeoutMs = STATUS_TIMEOUT_MS,
  ): Promise<T> {
    const deadlineMs = performance.now() + timeoutMs;
    while (true) {
      const status = await this.status();
      const found = look(status);
      if (found !== undefined && found !== null && found !== false) return found;
      if (performance.now() > deadlineMs)
        throw new ProgramError(`${what}: not so within ${timeoutMs} ms`, JSON.stringify(status));
      await pause(STATUS_PAUSE_MS);
    }
  }

  /** The id of the server that leads; waits for one. */
  leader(): Promise<number> {
    return this.waitFor('a leader', (status) => status.leader);
  }

  /** The client port of a server that is a member, or may be one later. */
  portOf(id: number): number {
    return (this.serverPorts[0] ?? 0) + 2 * id;
  }

  /** The answer to `GET /api/members`. */
  async members(): Promise<ProgramMembers> {
    const members: ProgramMembers = JSON.parse(await this.#call('GET', '/api/members'));
    return members;
  }

  /** Changes the members to these. Resolves once that is done, rejects when it was refused or given up. */
  async changeMembers(voters: readonly number[]): Promise<void> {
    await this.#call('POST', '/api/members', { voters });
  }

  /**
   * Has another server take a member's place, in this directory if one is named. Resolves and rejects as {@link changeMembers} does.
   */
  async replaceServer(id: number, dataDir?: string): Promise<void> {
    await this.#call('POST', `/api/servers/${id}/replace`, dataDir === undefined ? undefined : { dataDir });
  }

  /** Resolves once no change of members is under way, to those that there are then. Rejects when that takes longer. */
  async untilMembersSettle(timeoutMs = STATUS_TIMEOUT_MS): Promise<readonly number[]> {
    const deadlineMs = performance.now() + timeoutMs;
    while (true) {
      const members = await this.members();
      if (members.change === null && members.learners.length === 0) return members.voters;
      if (performance.now() > deadlineMs)
        throw new ProgramError(`members are not settled within ${timeoutMs} ms`, JSON.stringify(members));
      await pause(STATUS_PAUSE_MS);
    }
  }

  /** Terminates the server's thread as a crash would. Resolves once it is gone. */
  async killServer(id: number): Promise<void> {
    await this.#call('POST', `/api/servers/${id}/kill`);
  }

  async restartServer(id: number): Promise<void> {
    await this.#call('POST', `/api/servers/${id}/restart`);
  }

  /** Hands leadership to the server. Resolves once it leads. */
  async lead(id: number): Promise<void> {
    await this.#call('POST', `/api/servers/${id}/lead`);
  }

  /** Blocks the server's thread. Resolves at its end. */
  async pauseServer(id: number, durationMs: number): Promise<void> {
    await this.#call('POST', `/api/servers/${id}/pause`, { durationMs });
  }

  /** Drops all messages between groups of servers. */
  async partition(groups: readonly (readonly number[])[]): Promise<void> {
    await this.#call('POST', '/api/partition', { groups });
  }

  /** Makes one direction between two servers lossy or slow. */
  async setLink(link: LinkFault): Promise<void> {
    await this.#call('POST', '/api/links', link);
  }

  /** Undoes partitions and link faults. */
  async heal(): Promise<void> {
    await this.#call('POST', '/api/heal');
  }

  /** A request of the admin API. Rejects with {@link ProgramError} on any status that is not a success. */
  async #call(method: 'GET' | 'POST', path: string, body?: unknown): Promise<string> {
    const ca = this.#ca;
    const content =
      body === undefined
        ? { ca }
        : { ca, body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
    const call = `${method} ${path}`;
    // A connection that is kept may be closed at the moment when it is used again: what changes something has its own.
    const kept = method === 'GET' ? http(this.httpPort, call, { agent: this.#agent, ca }) : Promise.reject();
    const reply = await kept.catch(() => http(this.httpPort, call, content)).catch(() => undefined);
    if (reply === undefined)
      throw new ProgramError(`${method} ${path} was not answered`, this.#stderr.complaint);
    if (reply.status >= 300) throw new ProgramError(`${method} ${path} answered ${reply.status}`, reply.text);
    return reply.text;
  }

  /**
   * Ends the program as an operator would, by SIGTERM, and waits for it. Rejects with {@link ProgramError} when it
   * does not end cleanly or in time; gone it is in any case. Does nothing after {@link kill}.
   */
  async stop(): Promise<void> {
    if (this.#wasKilled) return;
    this.#agent.destroy();
    try {
      await terminate(this.#child, 'SIGTERM', STOP_TIMEOUT_MS);
    } finally {
      await this.#removeStorage();
    }
    if (this.#child.exitCode !== 0)
      throw new ProgramError(`the program ended with ${exitOf(this.#child)}`, this.#stderr.complaint);
  }

  /** Ends the program by SIGKILL, as the machine's failure would, and waits for it. */
  async kill(): Promise<void> {
    this.#wasKilled = true;
    this.#agent.destroy();
    await terminate(this.#child, 'SIGKILL', STOP_TIMEOUT_MS);
    await this.#removeStorage();
  }
}

interface Layout {
  readonly serverPorts: readonly number[];
  readonly routerPort: number;
  readonly httpPort: number;
  readonly args: readonly string[];
}

function layOut(
  port: number,
  { servers = DEFAULT_SERVERS, isThere = false }: Pick<ProgramOptions, 'servers' | 'isThere'>,
): Layout {
  const routerPort = port + ROUTER_PORT_OFFSET;
  const httpPort = port + HTTP_PORT_OFFSET;
  return {
    serverPorts: Array.from({ length: servers }, (_, id) => port + 2 * id),
    routerPort,
    httpPort,
    args: [
      ...(isThere ? [] : ['-n', `${servers}`]),
      ...['--port', `${port}`],
      ...['--router-port', `${routerPort}`, '--http-port', `${httpPort}`],
    ],
  };
}

async function prepareStorage(
  storage: ProgramStorage,
): Promise<{ readonly args: readonly string[]; readonly remove: () => Promise<void> }> {
  if (storage === 'memory') return { args: ['--memory'], remove: async () => undefined };
  if (storage === 'elsewhere') return { args: [], remove: async () => undefined };
  if (storage !== 'temporary')
    return {
      args: [storage.dataDir].flat().flatMap((path) => ['--data-dir', path]),
      remove: async () => undefined,
    };
  const path = await mkdtemp(join(tmpdir(), 'threadraft-program-'));
  return {
    args: ['--data-dir', path],
    remove: () => rm(path, { recursive: true, force: true, maxRetries: 3 }),
  };
}

interface RunningChild {
  readonly pid: number;
  readonly child: ChildProcess;
  readonly stdout: Readable;
  readonly stderr: TailOfStream;
}

/** What the package's `npm start` tells Node: checkouts that are compared may differ in it. */
function startFlags(entry: string): readonly string[] {
  const manifest = join(dirname(entry), '../../package.json');
  if (!existsSync(manifest)) return [];
  const { scripts = {} }: { readonly scripts?: { readonly start?: string } } = JSON.parse(
    readFileSync(manifest, 'utf8'),
  );
  return scripts.start?.match(/--\S+/g) ?? [];
}

function run(args: readonly string[], env: NodeJS.ProcessEnv): RunningChild {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
  if (child.pid === undefined) throw new ProgramError('the program could not be started', process.execPath);
  return { pid: child.pid, child, stdout: child.stdout, stderr: new TailOfStream(child.stderr) };
}

/** Resolves at the line `ready ...`. Otherwise the child is gone, with what it left on stderr in the error. */
async function untilReady({ child, stdout, stderr }: RunningChild, timeoutMs: number): Promise<void> {
  const outcome = await new Promise<'ready' | 'lame' | 'ended' | 'late'>((resolve) => {
    createInterface({ input: stdout }).on('line', (line) => {
      // A disk that was damaged costs a server, and whoever runs the program here did not damage any.
      if (line.startsWith('ready')) resolve(/ down=/.test(line) ? 'lame' : 'ready');
    });
    child.once('close', () => resolve('ended'));
    setTimeout(resolve, timeoutMs, 'late').unref();
  });
  if (outcome === 'ready') return;
  await terminate(child, 'SIGKILL', STOP_TIMEOUT_MS);
  const what = {
    late: `the program was not ready within ${timeoutMs} ms`,
    lame: 'the program runs without one of its servers',
    ended: `the program ended with ${exitOf(child)} before it was ready`,
  }[outcome];
  throw new ProgramError(what, stderr.complaint);
}

/** Sends the signal and waits for the end; a child that takes too long is killed. */
async function terminate(child: ChildProcess, signal: NodeJS.Signals, timeoutMs: number): Promise<void> {
  if (hasExited(child)) return;
  const closed = once(child, 'close');
  const lastResort = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  child.kill(signal);
  await closed;
  clearTimeout(lastResort);
}

function hasExited(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function exitOf(child: ChildProcess): string {
  return child.exitCode === null ? `signal ${child.signalCode}` : `exit code ${child.exitCode}`;
}

/** Keeps the end of a stream's text, and keeps the stream flowing. */
class TailOfStream {
  #text = '';

  constructor(stream: Readable) {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      this.#text = (this.#text + text).slice(-STDERR_TAIL_CHARS);
    });
  }

  get text(): string {
    return this.#text;
  }

  /** The last line that tells of an error, else the last line: Node's own come with a stack and a version. */
  get complaint(): string {
    const lines = this.#text.trimEnd().split('\n');
    return (lines.findLast((line) => /error/i.test(line) && !/^\s/.test(line)) ?? lines.at(-1) ?? '').trim();
  }
}

/** The directories for a cluster's data in this one: one for all servers or, if `isApart`, one for each. */
export function dataDirsIn(
  directory: string,
  { servers, isApart }: { readonly servers: number; readonly isApart: boolean },
): readonly string[] {
  if (!isApart) return [join(directory, 'data')];
  return Array.from({ length: servers }, (_, id) => join(directory, `disk-${id}`));
}
