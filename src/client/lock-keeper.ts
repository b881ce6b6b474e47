/** Acquires locks for a client: one try after the other until its time is over. */

import type { CallOptions } from './call.js';
import { AbortedError, TimeoutError, UnknownOutcomeError } from './client-errors.js';
import {
  DEFAULT_LOCK_TTL_S,
  DEFAULT_TIMEOUT_MS,
  LOCK_CLEANUP_TIMEOUT_MS,
  MAX_LOCK_PAUSE_MS,
} from './client-limits.js';
import { heldUntilMs, Lock, type LockStore, removeByValue, removeOwn } from './lock.js';
import type { ClientEnvironment } from './world.js';

export interface LockOptions extends CallOptions {
  /** Seconds for which the lock outlives its holder, 10 unless given. It is renewed as long as the holder lives. */
  readonly ttl?: number | undefined;
}

export interface Wanted {
  readonly what: string;
  readonly key: string;
  /** What is kept in the key besides what makes it unique. */
  readonly note: string;
  readonly timeoutMs: number;
}

export class LockKeeper {
  readonly #store: LockStore;
  readonly #environment: ClientEnvironment;
  readonly #held = new Set<Lock>();
  readonly #cleanups = new Set<Promise<void>>();

  constructor(store: LockStore, environment: ClientEnvironment) {
    this.#store = store;
    this.#environment = environment;
  }

  /** Rejects with a KvError. */
  async acquire(wanted: Wanted, { ttl = DEFAULT_LOCK_TTL_S, signal }: LockOptions): Promise<Lock> {
    const { what, key, timeoutMs } = wanted;
    const deadlineMs = this.#environment.nowMs() + timeoutMs;
    for (;;) {
      // Of this try alone: what an earlier one leaves may be cleaned up as late as after this one has the key.
      const value = `${this.#unique()} ${wanted.note}`.trim();
      const sentAtMs = this.#environment.nowMs();
      if (sentAtMs >= deadlineMs) throw new TimeoutError(what, timeoutMs);
      const options = { signal, timeoutMs: Math.min(deadlineMs - sentAtMs, DEFAULT_TIMEOUT_MS) };
      const revision = await this.#store.add(key, value, ttl, options).catch((error: unknown) => {
        // It may be ours without anybody who knows.
        this.#cleanUp(key, value);
        if (!isForWantOfTime(error) || this.#environment.nowMs() >= deadlineMs) throw error;
        return undefined;
      });
      if (revision !== undefined) {
        const facts = { key, value, ttl, revision, sentAtMs };
        if (this.#environment.nowMs() < heldUntilMs(sentAtMs, ttl)) return this.#hold(facts);
        // The answer took so long that the lock may be lost already.
        await removeOwn(this.#store, facts, options);
        continue;
      }
      await this.#pause(what, Math.max(0, deadlineMs - this.#environment.nowMs()), signal);
    }
  }

  /** Releases all locks that are held, as far as that is possible in a moment. */
  async releaseAll(): Promise<void> {
    const options = { timeoutMs: LOCK_CLEANUP_TIMEOUT_MS };
    const releases = [...this.#held].map((lock) => lock.release(options).catch(() => {}));
    await Promise.all([...releases, ...this.#cleanups]);
  }

  #hold(facts: ConstructorParameters<typeof Lock>[0]): Lock {
    const lock = new Lock(facts, this.#store, this.#environment, (ended) => this.#held.delete(ended));
    this.#held.add(lock);
    return lock;
  }

  #cleanUp(key: string, value: string): void {
    const cleanup = removeByValue(this.#store, { key, value }, { timeoutMs: LOCK_CLEANUP_TIMEOUT_MS })
      // It goes by itself when its time is over.
      .catch(() => {})
      .finally(() => this.#cleanups.delete(cleanup));
    this.#cleanups.add(cleanup);
  }

  /** 128 random bits. */
  #unique(): string {
    const words = Array.from({ length: 4 }, () => Math.floor(this.#environment.random() * 2 ** 32));
    return words.map((word) => word.toString(16).padStart(8, '0')).join('');
  }

  /** Until the next try: not all of those who wait at once. */
  #pause(what: string, leftMs: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const pauseMs = Math.min(leftMs, MAX_LOCK_PAUSE_MS * (0.5 + this.#environment.random() / 2));
      const timer = this.#environment.startTimer(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      }, pauseMs);
      const onAbort = () => {
        timer.cancel();
        signal?.removeEventListener('abort', onAbort);
        reject(new AbortedError(what, signal?.reason));
      };
      if (signal?.aborted) onAbort();
      else signal?.addEventListener('abort', onAbort);
    });
  }
}

/** Whether the try is over, and another one may do better. */
function isForWantOfTime(error: unknown): boolean {
  return error instanceof TimeoutError || error instanceof UnknownOutcomeError;
}
