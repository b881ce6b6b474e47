/**
 * The built program as a child process, in a place of its own: its working directory and its directory for temporary
 * files are made for it, so that a test sees whatever it leaves behind.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePorts } from '../../tools/support/free-ports.js';

const MAIN_FILE = fileURLToPath(new URL('../../src/main.cjs', import.meta.url));
/** What takes longer than this does not happen. */
const TIMEOUT_MS = 45_000;

/** How a program came to its end: by itself with a code, or by a signal. */
export interface ProgramEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What the `ready` line tells. Addresses are `host:port`, as they are printed. */
export interface Ready {
  readonly line: string;
  readonly leader: number;
  readonly servers: readonly string[];
  readonly router: string | undefined;
  readonly http: string | undefined;
  /** The servers whose disks are lost. */
  readonly down: string | undefined;
}

export class Program {
  readonly #child: ChildProcess;
  readonly #ended: Promise<ProgramEnd>;
  #stdout = '';
  #stderr = '';
  #end: ProgramEnd | undefined;
  #onChange: () => void = () => undefined;

  constructor(args: readonly string[], { cwd, temporary }: { cwd: string; temporary: string }) {
    const env = { ...process.env, TMPDIR: temporary };
    const child = spawn(process.execPath, [MAIN_FILE, ...args], {
      cwd,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    const killWithTests = () => child.kill('SIGKILL');
    process.once('exit', killWithTests);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
      this.#onChange();
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
      this.#onChange();
    });
    this.#ended = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        process.off('exit', killWithTests);
        this.#end = { code, signal };
        resolve(this.#end);
        this.#onChange();
      });
    });
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** The lines on stderr that are no logs. */
  get complaints(): string[] {
    return linesOf(this.#stderr).filter((line) => !line.startsWith('{'));
  }

  /** Resolves to what the `ready` line tells. Rejects when the program ends without one, or takes too long. */
  async ready(): Promise<Ready> {
    const isThere = () => this.#stdout.includes('\n') || this.#end !== undefined;
    await this.#until('the ready line', isThere);
    const [line] = linesOf(this.#stdout);
    if (line === undefined) throw new Error(this.#describe('ended before it was ready'));
    return parseReady(line);
  }

  /** Goes away as the reader of what it prints. */
  closeStdout(): void {
    this.#child.stdout?.destroy();
  }

  /** Resolves once the text was written to stderr. */
  async logged(text: string): Promise<void> {
    await this.#until(`"${text}" on stderr`, () => this.#stderr.includes(text));
  }

  /** Resolves to how the program ended, once all that it wrote has arrived. */
  async ended(): Promise<ProgramEnd> {
    await this.#until('its end', () => this.#end !== undefined);
    return this.#ended;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Sends the signal, and resolves to the exit code. */
  async stop(signal: 'SIGTERM' | 'SIGINT' | 'SIGHUP'): Promise<number | null> {
    this.signal(signal);
    return (await this.ended()).code;
  }

  /** Ends the program at once, as a loss of power would end it. Does nothing when it has ended. */
  async kill(): Promise<void> {
    if (this.#end === undefined) this.signal('SIGKILL');
    await this.#ended;
  }

  #until(what: string, isTrue: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(this.#describe(`waited in vain for ${what}`))),
        TIMEOUT_MS,
      );
      const previous = this.#onChange;
      const look = () => {
        previous();
        if (!isTrue()) return;
        clearTimeout(timer);
        this.#onChange = previous;
        resolve();
      };
      this.#onChange = look;
      look();
    });
  }

  #describe(problem: string): string {
    return `${problem}\nstdout: ${this.#stdout}\nstderr: ${this.#stderr}`;
  }
}

/** Where programs run, and where they are ended and tidied up after. */
export class Workplace {
  /** What the programs find as their working directory. */
  readonly cwd: string;
  readonly #root: string;
  readonly #temporary: string;
  readonly #programs: Program[] = [];

  private constructor(root: string) {
    this.#root = root;
    this.cwd = join(root, 'cwd');
    this.#temporary = join(root, 'tmp');
  }

  static async open(): Promise<Workplace> {
    const workplace = new Workplace(await mkdtemp(join(tmpdir(), 'threadraft-test-')));
    await mkdir(workplace.cwd);
    await mkdir(workplace.#temporary);
    return workplace;
  }

  run(...args: string[]): Program {
    const program = new Program(args, { cwd: this.cwd, temporary: this.#temporary });
    this.#programs.push(program);
    return program;
  }

  /** What is in the working directory. */
  files(): Promise<string[]> {
    return readdir(this.cwd);
  }

  /** What is in the directory for temporary files. */
  temporaryFiles(): Promise<string[]> {
    return readdir(this.#temporary);
  }

  async close(): Promise<void> {
    await Promise.all(this.#programs.map((program) => program.kill()));
    await rm(this.#root, { recursive: true, force: true });
  }
}

/** Ports for a program that runs beside others, and the arguments that make it use them. */
export interface Ports {
  readonly port: number;
  readonly router: number;
  readonly http: number;
  readonly args: readonly string[];
}

export async function programPorts(): Promise<Ports> {
  const port = await freePorts();
  const [router, http] = [port + 20, port + 22];
  const args = ['--port', `${port}`, '--router-port', `${router}`, '--http-port', `${http}`];
  return { port, router, http, args };
}

export function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

function parseReady(line: string): Ready {
  const [, ...words] = line.split(' ');
  const fields = new Map(words.map((word): [string, string] => splitOnce(word, '=')));
  return {
    line,
    leader: Number(fields.get('leader')),
    servers: fields.get('servers')?.split(',') ?? [],
    router: fields.get('router'),
    http: fields.get('http'),
    down: fields.get('down'),
  };
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return [text.slice(0, at), text.slice(at + separator.length)];
}
