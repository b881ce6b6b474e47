/**
 * Tells subscribers of the events of keys, as Redis's keyspace notifications: at most once each, in order.
 *
 * Those who have been told of everything so far are live: a message is written once, and goes to all who are subscribed to its
 * channel. One that does not read, or comes from another server, waits; then those who wait catch up together, by the history,
 * and are live again. Who does not read until what it waits for is not kept any more is closed: so it knows.
 */

import type { RespState } from '../../../protocol/checkpoint.js';
import { NO_SUBSCRIPTIONS, type Subscriptions } from '../../../protocol/resp/subscriptions.js';
import type { Raft } from '../../../raft/raft.js';
import {
  CLOSED_SUBSCRIBERS_REPORT_MS,
  LEADERLESS_SUBSCRIBER_MS,
  MAX_STALLED_SUBSCRIBER_MS,
  SUBSCRIBER_BYTES_PER_TURN,
  SUBSCRIBER_LOOK_MS,
  SUBSCRIBER_TOLD_CHANGES,
} from '../../../subscription-limits.js';
import { DEFAULT_EVENT_FLAGS, EventFlags } from '../../redis/event-flags.js';
import type { ChangeSource, ChangeStore } from '../change-source.js';
import type { ClientConnection } from '../client-connection.js';
import type { ReplyFrames } from '../reply-frames.js';
import { SubscribedNames } from './names.js';
import { Subscriber } from './subscriber.js';
import { Telling, type TellingOptions, type TurnBudget } from './telling.js';

export interface SubscribersOptions {
  readonly raft: Pick<Raft, 'leader'>;
  readonly changes: ChangeSource;
  readonly replies: Pick<ReplyFrames, 'isFull' | 'push'>;
  /** Closes the connection. */
  readonly close: (client: ClientConnection) => void;
  /** So many were closed since the last call because they did not read what they were told. */
  readonly onSubscribersClosed: (count: number) => void;
}

export class Subscribers {
  readonly #options: SubscribersOptions;
  readonly #byClient = new Map<ClientConnection, Subscriber>();
  readonly names = new SubscribedNames();
  flags = new EventFlags(DEFAULT_EVENT_FLAGS);
  /** What all subscriptions count towards the limit. */
  byteLength = 0;
  /** Tells those who are live, and the other those who catch up. */
  readonly #live: Telling;
  readonly #late: Telling;
  readonly #catchingUp = new Set<Subscriber>();
  readonly #waiting = new Set<Subscriber>();
  /** The store whose changes are told; another one after a snapshot was installed. */
  #store: ChangeStore;
  #lookDueMs = Number.POSITIVE_INFINITY;
  #leaderSeenMs = 0;
  #isDue = false;
  #nowMs = 0;
  #closedCount = 0;
  #reportedMs = Number.NEGATIVE_INFINITY;

  constructor(options: SubscribersOptions) {
    this.#options = options;
    this.#store = options.changes.store;
    const telling: TellingOptions = {
      names: this.names,
      flags: () => this.flags,
      push: ({ client }, text) => options.replies.push(client, text),
      stall: (subscriber) => this.#stall(subscriber),
    };
    this.#live = new Telling(telling);
    this.#late = new Telling(telling);
  }

  get count(): number {
    return this.#byClient.size;
  }

  /** Whether {@link work} has something to do at once. */
  get isDue(): boolean {
    return this.#isDue && !this.#options.replies.isFull;
  }

  /** When {@link work} has something to do although nothing happens. */
  get deadlineMs(): number {
    return this.#lookDueMs;
  }

  /** The client comes from another server, which has told it of all changes before this revision. */
  resume(
    client: ClientConnection,
    { subscriptions, toldTo }: Pick<RespState, 'subscriptions' | 'toldTo'>,
    nowMs: number,
  ): void {
    if (this.#byClient.size === 0) this.#wake(nowMs);
    const subscriber = this.#add(client, toldTo);
    this.#register(subscriber, subscriptions, toldTo);
    this.#wait(subscriber);
  }

  /** The client's subscriptions may have changed: it is told of what changes from now on. */
  follow(client: ClientConnection, nowMs: number): void {
    const { subscriptions = NO_SUBSCRIPTIONS } = client.redis?.settings ?? {};
    const known = this.#byClient.get(client);
    if (subscriptions === (known?.subscriptions ?? NO_SUBSCRIPTIONS)) return;
    if (subscriptions === NO_SUBSCRIPTIONS) {
      this.end(client);
      return;
    }
    if (this.#byClient.size === 0) this.#wake(nowMs);
    const next = this.#options.changes.revisionAtEntry + 1;
    const subscriber = known ?? this.#add(client, next);
    if (known === undefined) subscriber.group = this.#live;
    this.#register(subscriber, subscriptions, next);
  }

  /** The client is gone, or its last subscription is. */
  end(client: ClientConnection): void {
    const subscriber = this.#byClient.get(client);
    if (subscriber === undefined) return;
    this.#register(subscriber, NO_SUBSCRIPTIONS, 0);
    client.subscriber = undefined;
    subscriber.group = undefined;
    this.#byClient.delete(client);
    this.#catchingUp.delete(subscriber);
    this.#waiting.delete(subscriber);
    if (this.#byClient.size > 0) return;
    this.#lookDueMs = Number.POSITIVE_INFINITY;
    this.#isDue = false;
  }

  /** Tells what is to be told. The state is as of an entry. */
  work(nowMs: number): void {
    if (this.#byClient.size === 0) return;
    this.#nowMs = nowMs;
    this.#isDue = false;
    if (this.#options.changes.store !== this.#store) this.#storeReplaced();
    if (this.#options.replies.isFull) {
      this.#isDue = true;
      this.putOff(nowMs);
      return;
    }
    const lateBytes = this.#waiting.size + this.#catchingUp.size === 0 ? 0 : SUBSCRIBER_BYTES_PER_TURN / 2;
    const budget: TurnBudget = { bytesLeft: SUBSCRIBER_BYTES_PER_TURN - lateBytes };
    this.#tellLive(budget);
    budget.bytesLeft = Math.max(0, budget.bytesLeft) + lateBytes;
    if (lateBytes > 0) this.#catchUp(budget);
    if (nowMs >= this.#lookDueMs) this.#look();
  }

  /** Nothing can be told this turn: no look is due at once. */
  putOff(nowMs: number): void {
    if (nowMs >= this.#lookDueMs) this.#lookDueMs = nowMs + SUBSCRIBER_LOOK_MS;
  }

  #wake(nowMs: number): void {
    this.#store = this.#options.changes.store;
    this.#live.begin(this.#options.changes.revisionAtEntry + 1);
    this.#lookDueMs = nowMs + SUBSCRIBER_LOOK_MS;
    this.#leaderSeenMs = nowMs;
  }

  #add(client: ClientConnection, next: number): Subscriber {
    const subscriber = new Subscriber(client, next);
    client.subscriber = subscriber;
    this.#byClient.set(client, subscriber);
    return subscriber;
  }

  /** @param from the first revision that it is told of by names that it was not registered for */
  #register(subscriber: Subscriber, subscriptions: Subscriptions, from: number): void {
    const before = subscriber.subscriptions;
    for (const kind of ['channels', 'patterns'] as const) {
      for (const name of before[kind])
        if (!subscriptions[kind].has(name)) this.names.remove(kind, name, subscriber);
      for (const name of subscriptions[kind])
        if (!before[kind].has(name)) this.names.add(kind, name, subscriber, from);
    }
    this.byteLength += subscriptions.byteLength - before.byteLength;
    subscriber.subscriptions = subscriptions;
  }

  #wait(subscriber: Subscriber): void {
    subscriber.group = undefined;
    this.#catchingUp.delete(subscriber);
    this.#waiting.add(subscriber);
    this.#isDue = true;
  }

  #stall(subscriber: Subscriber): void {
    subscriber.stalledSinceMs ??= this.#nowMs;
    this.#wait(subscriber);
  }

  /** A snapshot was installed: the history begins after it. The router leaves a server that needs one. */
  #storeReplaced(): void {
    this.#store = this.#options.changes.store;
    this.#live.begin(this.#store.lastRevision + 1);
    for (const subscriber of [...this.#byClient.values()]) {
      if (subscriber.client.routed) this.#wait(subscriber);
      else this.#options.close(subscriber.client);
    }
  }

  #tellLive(budget: TurnBudget): void {
    const { lastRevision } = this.#store;
    const outcome = this.#live.goOn(this.#store, lastRevision, budget);
    if (outcome === 'later') this.#isDue = true;
    if (outcome !== 'lost') return;
    this.#live.begin(lastRevision + 1);
    for (const subscriber of [...this.#byClient.values()])
      if (subscriber.group === this.#live) this.#close(subscriber);
  }

  #catchUp(budget: TurnBudget): void {
    if (this.#catchingUp.size === 0) this.#gather();
    if (this.#catchingUp.size === 0) return;
    const outcome = this.#late.goOn(this.#store, this.#live.next - 1, budget);
    if (outcome === 'lost') for (const subscriber of [...this.#catchingUp]) this.#close(subscriber);
    else if (outcome === 'later' || this.#live.isWithin) this.#isDue = true;
    else this.#joinLive();
  }

  /** All who wait and read catch up from now on. */
  #gather(): void {
    const { changes } = this.#options;
    let from = this.#live.next;
    for (const { next } of this.#waiting) from = Math.min(from, next);
    if (changes.prepare?.(from) === false) return;
    const { first } = this.#store.history;
    for (const subscriber of this.#waiting) {
      if (subscriber.client.hasTooMuchUnread) continue;
      if (subscriber.next < first && subscriber.stalledSinceMs !== undefined) {
        this.#close(subscriber);
        continue;
      }
      // Of what another server has not told and this one does not keep, nobody is told.
      subscriber.next = Math.max(subscriber.next, first);
      subscriber.group = this.#late;
      this.#waiting.delete(subscriber);
      this.#catchingUp.add(subscriber);
    }
    from = this.#live.next;
    for (const { next } of this.#catchingUp) from = Math.min(from, next);
    this.#late.begin(from);
  }

  #joinLive(): void {
    for (const subscriber of this.#catchingUp) {
      subscriber.group = this.#live;
      subscriber.stalledSinceMs = undefined;
    }
    this.#catchingUp.clear();
    this.#isDue ||= this.#waiting.size > 0;
  }

  #look(): void {
    this.#lookDueMs = this.#nowMs + SUBSCRIBER_LOOK_MS;
    if (this.#options.raft.leader !== undefined) this.#leaderSeenMs = this.#nowMs;
    const isLeaderless = this.#nowMs - this.#leaderSeenMs >= LEADERLESS_SUBSCRIBER_MS;
    for (const subscriber of [...this.#byClient.values()]) {
      if (isLeaderless && !subscriber.client.routed) this.#options.close(subscriber.client);
      else if (this.#isLost(subscriber)) this.#close(subscriber);
      else this.#tellPlace(subscriber);
    }
    if (this.#closedCount === 0 || this.#nowMs - this.#reportedMs < CLOSED_SUBSCRIBERS_REPORT_MS) return;
    this.#options.onSubscribersClosed(this.#closedCount);
    this.#reportedMs = this.#nowMs;
    this.#closedCount = 0;
  }

  /** Whether it does not read, and has missed something, or has not read for too long. */
  #isLost({ stalledSinceMs, next }: Subscriber): boolean {
    if (stalledSinceMs === undefined) return false;
    return next < this.#store.history.first || this.#nowMs - stalledSinceMs >= MAX_STALLED_SUBSCRIBER_MS;
  }

  /** The router learns where to go on, now and then, although there is nothing to tell. */
  #tellPlace(subscriber: Subscriber): void {
    const { client, group, next } = subscriber;
    if (!client.routed || group !== this.#live || this.#live.isWithin) return;
    if (this.#live.next - next <= SUBSCRIBER_TOLD_CHANGES) return;
    subscriber.next = this.#live.next;
    this.#options.replies.push(client, '');
  }

  #close({ client }: Subscriber): void {
    this.#closedCount += 1;
    this.#options.close(client);
  }
}
