/** Answers the plain GETs that come next in a Redis client's stream, many at once. */

import { MAX_GETS_AT_ONCE } from '../../limits.js';
import type { RedisStream } from '../../protocol/resp/redis-stream.js';
import type { AppliedState } from '../applied-state.js';
import type { ServerMetrics } from '../server-metrics.js';
import type { ClientConnection } from './client-connection.js';
import type { FairQueue, Quantum } from './fair-queue.js';
import type { ReplyFrames } from './reply-frames.js';
import { valueReply } from './visible-replies.js';

export interface PlainGetsOptions {
  readonly state: AppliedState;
  readonly queue: FairQueue;
  readonly replies: ReplyFrames;
  readonly metrics: ServerMetrics;
}

export class PlainGets {
  readonly #state: AppliedState;
  readonly #queue: FairQueue;
  readonly #replies: ReplyFrames;
  readonly #metrics: ServerMetrics;

  constructor({ state, queue, replies, metrics }: PlainGetsOptions) {
    this.#state = state;
    this.#queue = queue;
    this.#replies = replies;
    this.#metrics = metrics;
  }

  /** Answers from the state, which is current, those that the quantum has room for. */
  answer(client: ClientConnection, redis: RedisStream, quantum: Quantum, nowMs: number): void {
    while (this.#queue.mayTake(client, quantum)) {
      const keys = redis.upcomingGets(MAX_GETS_AT_ONCE);
      if (keys.length === 0) return;
      client.takenAtMs = nowMs;
      const values = this.#state.store.values(keys);
      let found = 0;
      let taken = 0;
      for (const key of keys) {
        if (!this.#queue.mayTake(client, quantum)) break;
        redis.takeGet(key);
        const reply = valueReply(values[taken]);
        if (reply.type === 'value') found += 1;
        this.#replies.answer(client, reply, redis.consumed, redis.checkpoint());
        taken += 1;
        quantum.commands -= 1;
      }
      this.#metrics.answeredGets(found, taken - found, nowMs);
    }
  }
}
