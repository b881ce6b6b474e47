/** The built program as a process of its own, with whatever arguments, and all that it says. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../src/main.cjs', import.meta.url));

export interface ProgramEnd {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class RawProgram {
  readonly #child: ChildProcess;
  /** Resolves when the process has ended and all its output was read. */
  readonly ended: Promise<ProgramEnd>;
  stdout = '';
  stderr = '';

  constructor(...args: string[]) {
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.on('data', (chunk: Buffer) => {
      this.stdout += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString();
    });
    this.#child = child;
    this.ended = once(child, 'close').then(([exitCode]) => ({
      exitCode,
      stdout: this.stdout,
      stderr: this.stderr,
    }));
  }

  /** The first line of stdout. Rejects when the program ends before it wrote one. */
  async firstLine(): Promise<string> {
    const ended = this.ended.then(({ exitCode, stderr }) => {
      throw new Error(`ended with ${exitCode} before it was ready: ${stderr}`);
    });
    while (!this.stdout.includes('\n'))
      await Promise.race([ended, once(this.#child.stdout ?? this.#child, 'data')]);
    return this.stdout.slice(0, this.stdout.indexOf('\n'));
  }

  signal(name: 'SIGINT' | 'SIGTERM' | 'SIGKILL'): void {
    this.#child.kill(name);
  }
}
