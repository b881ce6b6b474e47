/** The bystanders as the parent of their process sees them. */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const PROCESS = fileURLToPath(new URL('./bystanders-process.js', import.meta.url));

/** What they have noticed in some time. */
export interface Noticed {
  readonly commands: number;
  /** The longest that one of them has waited, or still waits, for a reply. */
  readonly longestMs: number;
  readonly errors: readonly string[];
  /** For how long their own process was held up: with that the wait is not the program's alone. */
  readonly ownBlockMs: number;
}

export class Bystanders {
  readonly #child: ChildProcess = fork(PROCESS, { execArgv: [] });

  /** Some at each of the ports. */
  async open(ports: readonly number[]): Promise<void> {
    await this.#ask({ open: ports });
  }

  /** What they have noticed since the last call. */
  take(): Promise<Noticed> {
    return this.#ask({});
  }

  async close(): Promise<void> {
    const exited = once(this.#child, 'exit');
    this.#child.kill();
    await exited;
  }

  async #ask(request: { readonly open?: readonly number[] }): Promise<Noticed> {
    const answer = once(this.#child, 'message');
    this.#child.send(request);
    const [noticed]: [Noticed] = await answer.then(([first]) => [first]);
    return noticed;
  }
}
