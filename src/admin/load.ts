/**
 * Load on demand: a thread with clients that read and write at the rate that was asked for.
 */

import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { Logger } from 'pino';
import type { MemoryClient, MemoryClientEvents } from '../gateway/memory-connection.js';
import type { LoadView } from './live/view.js';

const LOAD_MODULE = fileURLToPath(new URL('../../workers/load.js', import.meta.url));

/** What the thread is started with. */
export interface LoadStart {
  readonly requestsPerS: number;
}

/** What the thread tells: how many requests were answered in a second, or what one of its clients does. */
export type LoadMessage =
  | { readonly answeredPerS: number }
  | { readonly client: number; readonly bytes: Uint8Array | 'connect' };

/** What the thread is told of one of its clients: bytes that came, or that its connection is open, or closed. */
export interface LoadEvent {
  readonly client: number;
  readonly bytes: Uint8Array | 'open' | 'closed';
}

export class LoadSwitch {
  readonly #logger: Logger;
  readonly #dial: (events: MemoryClientEvents) => MemoryClient | undefined;
  #thread: Worker | undefined;
  /** Resolves once the thread has loaded its modules. Node 20 may abort the process if it is terminated before. */
  #loaded: Promise<void> = Promise.resolve();
  #isClosed = false;
  /** Resolves after the last change that was asked for: changes come one after the other. */
  #changing: Promise<void> = Promise.resolve();
  #view: LoadView = { requestsPerS: 0, answeredPerS: 0 };

  constructor(logger: Logger, dial: (events: MemoryClientEvents) => MemoryClient | undefined) {
    this.#logger = logger;
    this.#dial = dial;
  }

  get view(): LoadView {
    return this.#view;
  }

  /** Puts load on the router, in place of an earlier load; 0 ends it. */
  set(requestsPerS: number): Promise<void> {
    const done = this.#changing.then(() => this.#set({ requestsPerS }));
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
    const clients = new Map<number, MemoryClient>();
    const tell = (event: LoadEvent) => thread.postMessage(event);
    thread.on('message', (message: LoadMessage) => {
      if ('answeredPerS' in message) {
        const { answeredPerS } = message;
        if (this.#thread === thread) this.#view = { requestsPerS, answeredPerS };
      } else if (message.bytes === 'connect') this.#connect(message.client, clients, tell);
      else clients.get(message.client)?.write(message.bytes);
    });
    thread.on('exit', () => {
      for (const client of clients.values()) client.destroy();
    });
    thread.on('error', (error) => this.#logger.error({ err: error }, 'load failed'));
    thread.on('exit', () => {
      if (this.#thread === thread) this.#ended();
    });
  }

  /** Connects one of the thread's clients, within this process. */
  #connect(client: number, clients: Map<number, MemoryClient>, tell: (event: LoadEvent) => void): void {
    const onClosed = () => {
      clients.delete(client);
      tell({ client, bytes: 'closed' });
    };
    const connection = this.#dial({
      onOpen: () => tell({ client, bytes: 'open' }),
      onData: (bytes) => tell({ client, bytes }),
      onClosed,
    });
    if (connection === undefined) onClosed();
    else clients.set(client, connection);
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
