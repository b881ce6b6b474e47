/**
 * Idle connections as the parent of their process sees them.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { LoadError } from '../load/connection.js';

const PROCESS = fileURLToPath(new URL('./idle-connections-process.js', import.meta.url));

export class IdleConnections {
  readonly #child: ChildProcess = fork(PROCESS, { execArgv: [] });

  /** Resolves once there are `count`, each of which has been answered once. Rejects with {@link LoadError}. */
  async resize(port: number, count: number): Promise<void> {
    const answer = once(this.#child, 'message');
    this.#child.send({ port, count });
    const [{ open, error }] = await answer;
    if (open !== count) throw new LoadError(`${count} idle connections could not be had: ${error}`);
  }

  async close(): Promise<void> {
    const exited = once(this.#child, 'exit');
    this.#child.kill();
    await exited;
  }
}
