/**
 * The load generator as its parent sees it: a process of its own, so that it takes no time from what it measures and
 * its compiled code stays warm from round to round.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { LoadError } from './connection.js';
import type { GeneratorMessage, RoundResult, Workload } from './workload.js';

const GENERATOR = fileURLToPath(new URL('./generator.js', import.meta.url));

export class GeneratorProcess {
  readonly #child: ChildProcess = fork(GENERATOR, { execArgv: [] });

  /**
   * Runs one round; one at a time. Rejects with {@link LoadError} when it could not be run to its end: wrong replies
   * alone are no such reason, they are in the result.
   */
  run(workload: Workload, onProgress: (done: number) => void = () => undefined): Promise<RoundResult> {
    return new Promise((resolve, reject) => {
      const onMessage = (message: GeneratorMessage) => {
        if (message.type === 'progress') {
          onProgress(message.done);
          return;
        }
        this.#child.off('message', onMessage);
        this.#child.off('exit', onExit);
        if (message.type === 'result') resolve(message.result);
        else reject(new LoadError(message.message));
      };
      const onExit = () => reject(new LoadError('the load generator ended in mid-round'));
      this.#child.on('message', onMessage);
      this.#child.once('exit', onExit);
      this.#child.send(workload);
    });
  }

  /** Ends the process. */
  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill();
    await exited;
  }
}
