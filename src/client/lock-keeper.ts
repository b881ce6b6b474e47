/** Acquires locks for a client: one try after the other until its time is over. */

import type { CallOptions } from './call.js';
import { AbortedError, ClosedError, TimeoutError, UnknownOutcomeError } from './client-errors.js';
import {
  DEFAULT_LOCK_TTL_S,
  DEFAULT_TIMEOUT_MS,
  LOCK_CLEANUP_TIMEOUT_MS,
  MAX_LOCK_PAUSE_MS,
} from './client-limits.js';
import {
  heldUntilMs,
  Lock,
  type LockStore,
  removeByValue,
  removeOwn,
  type SharedLimit,
  sharedLimit,
} from './lock.js';
import type { ClientEnvironment } from './world.js';

export interface LockOptions extends CallOptions {
  /** Seconds for which the lock outlives its holder, who renews it: 10 unless given, at most 86,400. */
  readonly ttl?: number | undefined;
}

export interface Wanted {
  readonly what: string;
  readonly key: string;
  /** What is kept in the key besides what makes it unique. */
  readonly note: string;
  readonly timeoutMs: number;
}

interface TryOptions extends CallOptions {
  readonly timeoutMs: number;
}

export class LockKeeper {
  readonly #store: LockStore;
  readonly #environment: ClientEnvironment;
  readonly #held = new Set<Lock>();
  /** Tries whose outcome is not known, and removals of what they left. */
  readonly #tries = new Set<Promise<unknown>>();
  readonly #cleanups = new Set<Promise<void>>();
  #isClosed = false;

  constructor(store: LockStore, environment: ClientEnvironment) {
    this.#store = store;
    this.#environment = environment;
  }

  /** Rejects with a KvError. */
  async acquire(wanted: Wanted, { ttl = DEFAULT_LOCK_TTL_S, signal }: LockOptions): Promise<Lock> {
    const { what, timeoutMs } = wanted;
    const deadlineMs = this.#environment.nowMs() + timeoutMs;
    for (;;) {
      if (this.#isClosed) throw new ClosedError();
      const leftMs = deadlineMs - this.#environment.nowMs();
      if (leftMs <= 0) throw new TimeoutError(what, timeoutMs);
      const options = { signal, timeoutMs: Math.min(leftMs, DEFAULT_TIMEOUT_MS) };
      const lock = await this.#try(wanted, ttl, options).catch((error: unknown) => {
        if (this.#isClosed || !isForWantOfTime(error) || this.#environment.nowMs() >= deadlineMs) throw error;
        return undefined;
      });
      if (lock instanceof Lock) return lock;
      if (lock !== 'late')
        await this.#pause(what, Math.max(0, deadlineMs - this.#environment.nowMs()), signal);
    }
  }

  /** Releases all locks that are held, as far as that is possible in a moment. None is acquired any more. */
  async releaseAll(): Promise<void> {
    this.#isClosed = true;
    const options = { timeoutMs: LOCK_CLEANUP_TIMEOUT_MS };
    const releases = [...this.#held].map((lock) => lock.release(options).catch(() => {}));
    await Promise.all([...releases, this.#triesOver()]);
    await Promise.all(this.#cleanups);
  }

  /** Resolves to undefined if somebody else has the key, and to 'late' if the lock may be lost already. */
  #try({ key, note }: Wanted, ttl: number, options: TryOptions): Promise<Lock | 'late' | undefined> {
    // Of this try alone: what an earlier one leaves may be cleaned up as late as after this one has the key.
    const value = `${this.#unique()} ${note}`.trim();
    const sentAtMs = this.#environment.nowMs();
    const outcome = this.#store.add(key, value, ttl, options).then(
      async (revision) => {
        if (revision === undefined) return undefined;
        const facts = { key, value, ttl, revision, sentAtMs };
        if (this.#isClosed) {
          this.#cleanUp((limit) => removeOwn(this.#store, facts, limit));
          throw new ClosedError();
        }
        if (this.#environment.nowMs() < heldUntilMs(sentAtMs, ttl)) return this.#hold(facts);
        await removeOwn(this.#store, facts, sharedLimit(options, options.timeoutMs, this.#environment));
        return 'late' as const;
      },
      (error: unknown) => {
        // It may be ours without anybody who knows.
        this.#cleanUp((limit) => removeByValue(this.#store, { key, value }, limit));
        throw error;
      },
    );
    this.#tries.add(outcome);
    return outcome.finally(() => this.#tries.delete(outcome));
  }

  /** Resolves when no try is under way, or after a moment. */
  #triesOver(): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#environment.startTimer(resolve, LOCK_CLEANUP_TIMEOUT_MS);
      void Promise.allSettled(this.#tries).then(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  #hold(facts: ConstructorParameters<typeof Lock>[0]): Lock {
    const lock = new Lock(facts, this.#store, this.#environment, (ended) => this.#held.delete(ended));
    this.#held.add(lock);
    return lock;
  }

  #cleanUp(remove: (limit: SharedLimit) => Promise<void>): void {
    const cleanup = remove(sharedLimit({}, LOCK_CLEANUP_TIMEOUT_MS, this.#environment))
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
