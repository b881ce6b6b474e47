/**
 * The threads that servers run on: one task of a piscina pool for as long as a server lives.
 *
 * Aborting a task terminates its thread. The pool calls the task over at once, while the thread may still hold files
 * that the next one needs. Here a task is over when its thread has ended.
 */

import type { Transferable, Worker } from 'node:worker_threads';
import { Piscina } from 'piscina';

export interface TaskOptions {
  /** Aborting terminates the thread at once, as a crash would. */
  readonly signal: AbortSignal;
  readonly transferList: readonly Transferable[];
  /** The id of the task's thread, once the thread has reported it; undefined before. */
  readonly threadId?: () => number | undefined;
}

export class ThreadPool {
  readonly #pool: Piscina;
  readonly #filename: string;
  /** Resolves at the end of each thread that has not ended. */
  readonly #exits = new Map<Worker, { readonly threadId: number; readonly exit: Promise<void> }>();

  /** @param filename the module whose default export is the task */
  constructor(filename: string, threadCount: number) {
    this.#filename = filename;
    // A thread starts when there is a task for it. If it replaced a dead thread at once, its start would compete with the
    // election of the next leader.
    this.#pool = new Piscina({
      minThreads: 0,
      maxThreads: threadCount,
      idleTimeout: Number.POSITIVE_INFINITY,
      atomics: 'disabled',
      recordTiming: false,
    });
    this.#pool.on('workerCreate', () => this.#watchThreads());
    // A thread that dies without a task loses nothing: the next task gets another.
    this.#pool.on('error', () => {});
  }

  /** Resolves when the task does. Rejects when it was aborted or its thread died, once that thread has ended. */
  async run(task: unknown, { signal, transferList, threadId }: TaskOptions): Promise<void> {
    try {
      await this.#pool.run(task, { filename: this.#filename, signal, transferList: [...transferList] });
    } catch (error) {
      await this.#endOfRemoved(threadId?.());
      throw error;
    }
  }

  /** Terminates every thread, and resolves once they have ended. */
  async destroy(): Promise<void> {
    await this.#pool.destroy();
  }

  #watchThreads(): void {
    for (const thread of this.#pool.threads) {
      if (this.#exits.has(thread)) continue;
      const exit = new Promise<void>((resolve) => thread.once('exit', () => resolve()));
      this.#exits.set(thread, {
        threadId: thread.threadId,
        exit: exit.then(() => void this.#exits.delete(thread)),
      });
    }
  }

  /**
   * The end of a thread that the pool has removed, by its id: others may take for ever, since their disk does not answer. One
   * whose id is not known has not come as far as to use its disk.
   */
  async #endOfRemoved(threadId: number | undefined): Promise<void> {
    const kept = new Set(this.#pool.threads);
    const removed = [...this.#exits].filter(([thread]) => !kept.has(thread)).map(([, one]) => one);
    await Promise.all(
      removed.filter((one) => threadId === undefined || one.threadId === threadId).map(({ exit }) => exit),
    );
  }
}
