/**
 * Locks that expire. Whoever holds one is the only one to believe so as long as it looks at `isHeld` or `signal`; what it writes
 * elsewhere is guarded by the fencing token, which only grows from holder to holder.
 *
 * The key of a lock is added by its holder, renewed and removed by its revision alone, so nobody touches another one's lock.
 */

import type { Timer } from '../environment.js';
import type { CallOptions } from './call.js';
import { ClosedError, KvError, LockLostError, NotFoundError, VersionMismatchError } from './client-errors.js';
import { DEFAULT_TIMEOUT_MS, MIN_RENEWAL_PAUSE_MS } from './client-limits.js';
import type { ClientEnvironment } from './world.js';

/** How much sooner than by the servers' clock a holder counts its lock as lost: 2 %, and as many ms besides. */
const CLOCK_SHARE = 0.98;
const CLOCK_MS = 20;
/** How often a lock is renewed in its time. */
const RENEWALS_PER_TTL = 3;

/** What a lock needs of a client. */
export interface LockStore {
  /** The time limit of a call, in ms. Throws ArgumentError. */
  timeoutOf(options: CallOptions): number;
  /** Adds the key, and resolves to its revision; undefined if it is there. */
  add(key: string, value: string, ttl: number, options: CallOptions): Promise<number | undefined>;
  /** Writes the key at that revision, and resolves to the new one. */
  renew(key: string, value: string, ttl: number, revision: number, options: CallOptions): Promise<number>;
  /** Deletes the key at that revision. Resolves to false if it is not there. */
  remove(key: string, revision: number, options: CallOptions): Promise<boolean>;
  read(
    key: string,
    options: CallOptions,
  ): Promise<{ readonly value: string; readonly revision: number } | undefined>;
}

export interface LockFacts {
  readonly key: string;
  /** Unlike that of anybody else. */
  readonly value: string;
  readonly ttl: number;
  /** Of its add, and when that was first sent, in ms. */
  readonly revision: number;
  readonly sentAtMs: number;
}

/** A lock that is held until it is released, or lost. */
export class Lock {
  /** Grows from one holder to the next: have what you write elsewhere refuse a smaller one than it has seen. */
  readonly fencingToken: number;
  readonly #store: LockStore;
  readonly #environment: ClientEnvironment;
  readonly #facts: LockFacts;
  readonly #lost = new AbortController();
  /** Aborts the renewal that is under way. */
  readonly #renewals = new AbortController();
  readonly #onEnd: (lock: Lock) => void;
  #revision: number;
  /** Until when it is held for certain, in ms. */
  #heldUntilMs: number;
  #isReleasing = false;
  #released: Promise<void> | undefined;
  #renewing: Promise<void> | undefined;
  #renewalTimer: Timer | undefined;
  #lossTimer: Timer | undefined;

  /** @internal */
  constructor(
    facts: LockFacts,
    store: LockStore,
    environment: ClientEnvironment,
    onEnd: (lock: Lock) => void,
  ) {
    this.#facts = facts;
    this.#store = store;
    this.#environment = environment;
    this.#onEnd = onEnd;
    this.fencingToken = facts.revision;
    this.#revision = facts.revision;
    this.#heldUntilMs = heldUntilMs(facts.sentAtMs, facts.ttl);
    this.#armLoss();
    this.#renewLater(this.#renewalPauseMs);
  }

  /** Aborts when the lock is lost: it was not renewed in time, or somebody deleted its key. Not when it is released. */
  get signal(): AbortSignal {
    return this.#lost.signal;
  }

  /** False once it is released or lost, by the clock: also before `signal` could tell, as in an event loop that was blocked. */
  get isHeld(): boolean {
    if (this.#isReleasing || this.#lost.signal.aborted) return false;
    return this.#environment.nowMs() < this.#heldUntilMs;
  }

  /**
   * Gives the lock up, within the time limit of one call. No effect on a later holder's. Rejects with a KvError; then it may be
   * called again.
   */
  release(options: CallOptions = {}): Promise<void> {
    this.#isReleasing = true;
    this.#stop();
    this.#renewals.abort();
    this.#released ??= this.#release(options).catch((error: unknown) => {
      this.#released = undefined;
      throw error;
    });
    return this.#released;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  get #renewalPauseMs(): number {
    return (this.#facts.ttl * 1000) / RENEWALS_PER_TTL;
  }

  async #release(options: CallOptions): Promise<void> {
    const limit = sharedLimit(options, this.#store.timeoutOf(options), this.#environment);
    // It was aborted. If it was executed all the same, the key has a later revision, and is known by its value.
    await this.#renewing;
    await removeOwn(this.#store, { ...this.#facts, revision: this.#revision }, limit);
    this.#onEnd(this);
  }

  #stop(): void {
    this.#renewalTimer?.cancel();
    this.#lossTimer?.cancel();
  }

  #lose(reason: string): void {
    if (this.#isReleasing || this.#lost.signal.aborted) return;
    this.#stop();
    this.#onEnd(this);
    this.#lost.abort(new LockLostError(this.#facts.key, reason));
  }

  #armLoss(): void {
    this.#lossTimer?.cancel();
    const leftMs = Math.max(0, this.#heldUntilMs - this.#environment.nowMs());
    this.#lossTimer = this.#environment.startTimer(() => this.#lose('it was not renewed in time'), leftMs);
  }

  #renewLater(pauseMs: number): void {
    this.#renewalTimer = this.#environment.startTimer(() => {
      this.#renewing = this.#renew();
    }, pauseMs);
  }

  async #renew(): Promise<void> {
    const { key, value, ttl } = this.#facts;
    const sentAtMs = this.#environment.nowMs();
    const leftMs = this.#heldUntilMs - sentAtMs;
    if (leftMs <= 0) {
      this.#lose('it was not renewed in time');
      return;
    }
    const options = { timeoutMs: Math.min(leftMs, DEFAULT_TIMEOUT_MS), signal: this.#renewals.signal };
    try {
      this.#revision = await this.#store.renew(key, value, ttl, this.#revision, options);
      this.#heldUntilMs = heldUntilMs(sentAtMs, ttl);
      if (this.#isReleasing || this.#lost.signal.aborted) return;
      this.#armLoss();
      this.#renewLater(this.#renewalPauseMs);
    } catch (error) {
      if (error instanceof VersionMismatchError || error instanceof NotFoundError)
        await this.#lookWhose(options);
      else if (error instanceof ClosedError) this.#lose('its client is closed');
      // One failure is not the end: it is tried again as long as the lock is held.
      else if (!this.#isReleasing && this.isHeld) this.#renewLater(MIN_RENEWAL_PAUSE_MS);
    }
  }

  /** The key is at another revision: by an earlier renewal of ours whose answer was lost, or the lock is. */
  async #lookWhose(options: CallOptions): Promise<void> {
    const { key, value } = this.#facts;
    const found = await this.#store.read(key, options).catch(() => 'unknown' as const);
    if (found !== undefined && found !== 'unknown' && found.value === value) this.#revision = found.revision;
    if (found === 'unknown' || found?.value === value) {
      if (this.isHeld) this.#renewLater(MIN_RENEWAL_PAUSE_MS);
    } else this.#lose('its key has expired, or was deleted');
  }
}

/** Makes the options of each of several calls that are to be over within one time limit. */
export type SharedLimit = () => CallOptions;

/** @param timeoutMs from the call of this function on */
export function sharedLimit(
  { signal }: CallOptions,
  timeoutMs: number,
  { nowMs }: Pick<ClientEnvironment, 'nowMs'>,
): SharedLimit {
  const deadlineMs = nowMs() + timeoutMs;
  return () => ({ signal, timeoutMs: Math.max(1, deadlineMs - nowMs()) });
}

/** Removes the key unless it is another one's. Rejects with a KvError. */
export async function removeOwn(
  store: LockStore,
  { key, value, revision }: Pick<LockFacts, 'key' | 'value' | 'revision'>,
  limit: SharedLimit,
): Promise<void> {
  try {
    await store.remove(key, revision, limit());
  } catch (error) {
    if (!(error instanceof VersionMismatchError)) throw error;
    await removeByValue(store, { key, value }, limit);
  }
}

/** The same when its revision is not known. */
export async function removeByValue(
  store: LockStore,
  { key, value }: Pick<LockFacts, 'key' | 'value'>,
  limit: SharedLimit,
): Promise<void> {
  const found = await store.read(key, limit());
  if (found?.value !== value) return;
  await store.remove(key, found.revision, limit()).catch((error: unknown) => {
    // It has expired meanwhile, and is another one's.
    if (!(error instanceof KvError && error.code === 'ERR_VERSION')) throw error;
  });
}

/** The servers may have counted from the moment when the command was sent. */
export function heldUntilMs(sentAtMs: number, ttl: number): number {
  return sentAtMs + ttl * 1000 * CLOCK_SHARE - CLOCK_MS;
}
