/**
 * Load on demand: a thread with clients that read and write at the rate that was asked for.
 */

import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { Logger } from 'pino';
import type { ClientAddress } from '../wire/control.js';
import type { LoadView } from './live/view.js';

const LOAD_MODULE = fileURLToPath(new URL('../../workers/load.js', import.meta.url));

/** More cannot be asked for. What is reached is less: the thread limits how many requests are unanswered. */
export const MAX_LOAD_PER_S = 1_000_000;

/** What the thread is started with. */
export interface LoadStart {
  readonly address: ClientAddress;
  readonly requestsPerS: number;
  /** What the clients tell; undefined for nothing. */
  readonly password: string | undefined;
}

export class LoadSwitch {
  readonly #logger: Logger;
  #thread: Worker | undefined;
  /** Resolves once the thread has loaded its modules. Node 20 may abort the process if it is terminated before. */
  #loaded: Promise<void> = Promise.resolve();
  #isClosed = false;
  /** Resolves after the last change that was asked for: changes come one after the other. */
  #changing: Promise<void> = Promise.resolve();
  #view: LoadView = { requestsPerS: 0, answeredPerS: 0 };

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  get view(): LoadView {
    return this.#view;
  }

  /** Puts load on the router at the address, in place of an earlier load; 0 ends it. */
  set(address: ClientAddress, requestsPerS: number, password?: string): Promise<void> {
    const done = this.#changing.then(() => this.#set({ address, requestsPerS, password }));
    this.#changing = done.catch(() => undefined);
    return done;
  }

  async #set(workerData: LoadStart): Promise<void> {
    const { requestsPerS } = workerData;
    await this.#stop();
    this.#logger.info({ requestsPerS }, 'load changed');
    if (requestsPerS === 0 || this.#isClosed) return;
    this.#view = { requestsPerS, answeredPerS: 0 };
    const thread = new Worker(LOAD_MODULE, { workerData });
    this.#thread = thread;
    this.#loaded = new Promise((resolve) => {
      thread.once('message', () => resolve());
      thread.once('exit', () => resolve());
    });
    thread.on('message', (answeredPerS: number) => {
      if (this.#thread === thread) this.#view = { requestsPerS, answeredPerS };
    });
    thread.on('error', (error) => this.#logger.error({ err: error }, 'load failed'));
    thread.on('exit', () => {
      if (this.#thread === thread) this.#ended();
    });
  }

  /** Ends the load for good, and resolves once the clients are gone. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#changing;
    await this.#stop();
  }

  async #stop(): Promise<void> {
    const thread = this.#thread;
    this.#ended();
    await this.#loaded;
    await thread?.terminate();
  }

  #ended(): void {
    this.#thread = undefined;
    this.#view = { requestsPerS: 0, answeredPerS: 0 };
  }
}
