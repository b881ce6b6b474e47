/** Those who attack, as their parent sees them: a process of their own. */

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Order } from './attackers-process.js';

const PROCESS = fileURLToPath(new URL('./attackers-process.js', import.meta.url));

export class Attackers {
  readonly #child = fork(PROCESS, { execArgv: [] });

  /** Resolves once the attack before is over. */
  async order(what: Order): Promise<void> {
    this.#child.send(what);
    await once(this.#child, 'message');
  }

  close(): void {
    this.#child.kill();
  }
}
