/**
 * The changes of all keys in etcd, for those who watch at this server: one watch of etcd for all of them, and what it has told
 * last. It watches only while somebody wants that.
 *
 * That all changes up to a time were told is known by a key that is written then, and that the same watch tells of in its order.
 * A mark of etcd's own that tells of progress has been known to overtake changes (etcd 15220).
 */

import { type Environment, sleep } from '../environment.js';
import { messageOf } from '../error-message.js';
import { IDLE_WATCH_MS, READ_TIMEOUT_MS, RETRY_PAUSE_MS } from '../etcd-limits.js';
import { LEADER_WAIT_MS, QUORUM_WAIT_MS } from '../time-limits.js';
import { ChangeHistory } from './change-history.js';
import { EtcdNoAnswerError, EtcdRefusalError } from './etcd-errors.js';
import { FIRST_WATCHED, HERE, WATCHED_END } from './etcd-keys.js';
import type { EtcdNames } from './etcd-names.js';
import type { EtcdTransport, EtcdWatch } from './etcd-transport.js';
import { isUnanswered, patiently } from './patience.js';
import { lastRevisionOf, modRevisionOf, revisionOf } from './revisions.js';
import { DELETE, type WatchResponse } from './rpc/messages.js';
import { StoredValueError } from './value-codec.js';
import { changesIn, type NamedEvent, TooManyEventsError } from './watch-events.js';

export interface EtcdChangesOptions {
  readonly environment: Environment;
  readonly transport: EtcdTransport;
  readonly names: EtcdNames;
  /** That are kept. */
  readonly maxChanges: number | undefined;
  /** There is more to tell. */
  readonly onChanged: () => void;
  /** Told whether etcd answers: undefined, or why it does not. */
  readonly onAnswer: (trouble: string | undefined) => void;
  /** A defect: the server cannot go on. */
  readonly onFailure: (error: unknown) => void;
}

interface Waiter {
  readonly modRevision: number;
  readonly resolve: () => void;
}

export class EtcdChanges {
  readonly #options: EtcdChangesOptions;
  #history: ChangeHistory;
  /** All changes up to this revision of etcd are in the history, or are no longer kept; 0 while nothing is known. */
  #told = 0;
  #watch: EtcdWatch | undefined;
  /** Counts the times that it has begun to watch: what an earlier time has begun ends. */
  #epoch = 0;
  #isWatching = false;
  /** When somebody watched last. */
  #wantedMs = 0;
  #heardMs = Number.NEGATIVE_INFINITY;
  #isConnected = false;
  readonly #waiters = new Set<Waiter>();
  /** The writing of the key that is under way, and the one that is to follow. */
  #mark: Promise<number> | undefined;
  #nextMark: Promise<number> | undefined;
  #fetch: Promise<void> | undefined;

  constructor(options: EtcdChangesOptions) {
    this.#options = options;
    this.#history = new ChangeHistory(Number.POSITIVE_INFINITY, options.maxChanges);
  }

  get history(): ChangeHistory {
    return this.#history;
  }

  /** The last revision that those who watch can be told of; 0 while nothing is known. */
  get lastRevision(): number {
    return this.#told === 0 ? 0 : lastRevisionOf(this.#told);
  }

  /** Whether etcd has told of changes, or would have, not long ago. */
  get isHeard(): boolean {
    return this.#isConnected || this.#options.environment.nowMs() - this.#heardMs < LEADER_WAIT_MS;
  }

  /**
   * Resolves once all changes are in the history that came before this call, and those from that revision on, if they can be had.
   * Rejects as EtcdTransport does, with an EtcdNoAnswerError also if that takes too long.
   */
  async reach(revision: number | undefined): Promise<void> {
    this.#wantedMs = this.#options.environment.nowMs();
    const modRevision = await this.#writeMark();
    this.#begin(modRevision);
    await this.#reached(modRevision);
    if (revision === undefined || revision < 1 || this.#history.keepsFrom(revision)) return;
    await this.fetchFrom(revision);
  }

  /** Fetches the changes from that revision on, as far as etcd has them and there is room for them. Rejects as {@link reach}. */
  async fetchFrom(revision: number): Promise<void> {
    // Two at a time would each fetch what comes after their own first one.
    while (this.#fetch !== undefined) await this.#fetch;
    if (this.#history.keepsFrom(revision)) return;
    const fetched = this.#fetchBefore(modRevisionOf(revision)).finally(() => {
      this.#fetch = undefined;
    });
    this.#fetch = fetched.catch(() => undefined);
    await fetched;
  }

  /** Ends the watch of etcd once nobody has watched here for a while. To be called now and then. */
  restIfIdle({ isWanted }: { readonly isWanted: boolean }): void {
    const nowMs = this.#options.environment.nowMs();
    if (isWanted) this.#wantedMs = nowMs;
    else if (this.#isWatching && nowMs - this.#wantedMs >= IDLE_WATCH_MS) this.rest();
  }

  /** Nobody watches any more: forgets everything. */
  rest(): void {
    this.#isWatching = false;
    this.#epoch += 1;
    this.#watch?.close();
    this.#told = 0;
    this.#isConnected = false;
    this.#history = new ChangeHistory(Number.POSITIVE_INFINITY, this.#options.maxChanges);
  }

  /** Writes a key that the watch will tell of; resolves to etcd's revision of that. */
  #writeMark(): Promise<number> {
    // One that is under way may have been done before this call.
    this.#nextMark ??= (this.#mark ?? Promise.resolve(0))
      .catch(() => 0)
      .then(() => {
        this.#mark = this.#nextMark;
        this.#nextMark = undefined;
        return this.#writeMarkNow();
      });
    return this.#nextMark;
  }

  async #writeMarkNow(): Promise<number> {
    const { environment, names } = this.#options;
    const mark = { type: 'put', name: HERE, value: new Uint8Array() } as const;
    const done = await patiently(environment, () => names.commit([], [mark], READ_TIMEOUT_MS));
    if (done === undefined) throw new TypeError('a transaction that compares nothing was refused');
    return done;
  }

  /** Watches from that revision of etcd on, unless it does already. */
  #begin(modRevision: number): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    this.#epoch += 1;
    this.#told = 0;
    this.#history = new ChangeHistory(revisionOf(modRevision, 0), this.#options.maxChanges);
    this.#run(this.#epoch, modRevision).catch((error: unknown) => this.#options.onFailure(error));
  }

  async #run(epoch: number, modRevision: number): Promise<void> {
    const { environment, onAnswer } = this.#options;
    let next = modRevision;
    while (epoch === this.#epoch) {
      const watch = this.#open(next);
      this.#watch = watch;
      try {
        next = await this.#follow(epoch, watch, next);
      } catch (error) {
        if (!isUnanswered(error) && !(error instanceof EtcdRefusalError)) throw error;
        if (epoch === this.#epoch) onAnswer(messageOf(error));
        next = Math.max(next, this.#told + 1);
      } finally {
        watch.close();
        if (epoch === this.#epoch) this.#disconnected();
      }
      await sleep(environment, RETRY_PAUSE_MS);
    }
  }

  /** Takes what the watch tells until it ends; returns the revision of etcd to go on from. */
  async #follow(epoch: number, watch: EtcdWatch, from: number): Promise<number> {
    const { onAnswer } = this.#options;
    let events: NamedEvent[] = [];
    for await (const answer of watch) {
      if (epoch !== this.#epoch) break;
      if (answer.canceled) {
        const { compactRevision } = answer;
        if (compactRevision === 0n) throw new EtcdRefusalError(0, answer.cancelReason);
        // What lies between is lost to all who watch here.
        this.#lose(Number(compactRevision));
        return Number(compactRevision);
      }
      this.#isConnected = true;
      onAnswer(undefined);
      events.push(...this.#eventsIn(answer));
      // A revision may go on in the next part of the answer.
      if (answer.fragment || events.length === 0) continue;
      this.#take(events);
      events = [];
    }
    return Math.max(from, this.#told + 1);
  }

  #take(events: readonly NamedEvent[]): void {
    const last = events.at(-1)?.modRevision ?? 0;
    try {
      for (const change of changesIn(events)) this.#history.add(change);
    } catch (error) {
      if (!(error instanceof StoredValueError || error instanceof TooManyEventsError)) throw error;
      this.#lose(last + 1);
    }
    this.#told = last;
    for (const waiter of this.#waiters) if (waiter.modRevision <= last) waiter.resolve();
    this.#options.onChanged();
  }

  /** Nothing before that revision of etcd is kept. */
  #lose(modRevision: number): void {
    this.#history = new ChangeHistory(revisionOf(modRevision, 0), this.#options.maxChanges);
    this.#told = Math.max(this.#told, modRevision - 1);
    this.#options.onChanged();
  }

  #disconnected(): void {
    if (this.#isConnected) this.#heardMs = this.#options.environment.nowMs();
    this.#isConnected = false;
  }

  /** Resolves once the watch has told of that revision. */
  #reached(modRevision: number): Promise<void> {
    if (this.#told >= modRevision) return Promise.resolve();
    const { environment } = this.#options;
    return new Promise((resolve, reject) => {
      const timer = environment.startTimer(() => {
        this.#waiters.delete(waiter);
        reject(new EtcdNoAnswerError('its watch tells nothing'));
      }, QUORUM_WAIT_MS);
      const waiter: Waiter = {
        modRevision,
        resolve: () => {
          this.#waiters.delete(waiter);
          timer.cancel();
          resolve();
        },
      };
      this.#waiters.add(waiter);
    });
  }

  /** Adds to the history what comes before it, from that revision of etcd on. */
  async #fetchBefore(modRevision: number): Promise<void> {
    const before = this.#history.first;
    const history = this.#history;
    const events: NamedEvent[] = [];
    const watch = this.#open(modRevision);
    const { environment } = this.#options;
    const timer = environment.startTimer(() => watch.close(), QUORUM_WAIT_MS);
    try {
      let part: NamedEvent[] = [];
      for await (const answer of watch) {
        // What is no longer kept by etcd cannot be had.
        if (answer.canceled) return;
        part.push(...this.#eventsIn(answer));
        if (answer.fragment) continue;
        events.push(...part);
        part = [];
        if (events.length > 2 * history.room) return;
        if ((events.at(-1)?.modRevision ?? 0) >= modRevisionOf(before)) break;
      }
    } finally {
      timer.cancel();
      watch.close();
    }
    const isThere = (events.at(-1)?.modRevision ?? 0) >= modRevisionOf(before);
    if (!isThere || history !== this.#history) return;
    try {
      const changes = changesIn(events).filter(({ revision }) => revision < before);
      history.addBefore(before, changes, revisionOf(modRevision, 0));
    } catch (error) {
      if (!(error instanceof StoredValueError || error instanceof TooManyEventsError)) throw error;
    }
  }

  #open(modRevision: number): EtcdWatch {
    const { names, transport } = this.#options;
    return transport.watch({
      key: names.encoded(FIRST_WATCHED),
      rangeEnd: names.encoded(WATCHED_END),
      startRevision: BigInt(modRevision),
      fragment: true,
    });
  }

  #eventsIn({ events }: WatchResponse): readonly NamedEvent[] {
    const { names } = this.#options;
    return events.flatMap(({ type, kv }) => {
      if (kv === undefined) return [];
      const value = type === DELETE ? undefined : kv.value;
      return [{ name: names.decoded(kv.key), modRevision: Number(kv.modRevision), value }];
    });
  }
}
