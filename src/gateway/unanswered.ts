/**
 * Counts the bytes that clients sent and that are not yet answered, and pauses sockets at the limits.
 */

import {
  MAX_LOCKED_UNANSWERED_BYTES,
  MAX_MODEST_LOCKED_BYTES,
  MAX_TOTAL_LOCKED_BYTES,
} from '../access-limits.js';
import type { Environment, Timer } from '../environment.js';
import {
  MAX_MODEST_UNANSWERED_BYTES,
  MAX_RESUMED_AT_ONCE,
  MAX_TOTAL_UNANSWERED_BYTES,
  RESUME_PAUSE_MS,
  type StreamLimits,
} from '../limits.js';
import { isLocked, isToldUnasked, type StreamCheckpoint } from '../protocol/checkpoint.js';
import { type ClientSocket, PauseReason } from './client-socket.js';
import type { Doorkeeper } from './doorkeeper.js';

/** What the bytes of a connection count against: the limit of each, and of all alike. */
export interface UnansweredRoom {
  readonly maxBytes: number;
  readonly total: TotalUnansweredBytes;
}

/** Clients that have yet to tell the password have a room of their own: they take none of the others'. */
export interface UnansweredRooms {
  readonly open: UnansweredRoom;
  readonly locked: UnansweredRoom;
}

export function unansweredRooms(
  environment: Pick<Environment, 'startTimer'>,
  { maxUnansweredBytes }: StreamLimits,
): UnansweredRooms {
  const total = (maxBytes: number, modestBytes: number) =>
    new TotalUnansweredBytes(environment, maxBytes, modestBytes);
  return {
    open: {
      maxBytes: maxUnansweredBytes,
      total: total(MAX_TOTAL_UNANSWERED_BYTES, MAX_MODEST_UNANSWERED_BYTES),
    },
    locked: {
      maxBytes: MAX_LOCKED_UNANSWERED_BYTES,
      total: total(MAX_TOTAL_LOCKED_BYTES, MAX_MODEST_LOCKED_BYTES),
    },
  };
}

/** One connection's bytes: paused at the limit, read again at half of it. */
export class UnansweredBytes {
  readonly #socket: ClientSocket;
  readonly #rooms: UnansweredRooms;
  readonly #mustUnlock: boolean;
  #room: UnansweredRoom;
  #byteCount = 0;
  #at: StreamCheckpoint | undefined;

  constructor(
    socket: ClientSocket,
    {
      unanswered,
      doorkeeper,
    }: { readonly unanswered: UnansweredRooms; readonly doorkeeper: Pick<Doorkeeper, 'asks'> },
  ) {
    this.#socket = socket;
    this.#rooms = unanswered;
    this.#mustUnlock = doorkeeper.asks(socket);
    this.#room = this.#mustUnlock ? unanswered.locked : unanswered.open;
  }

  get byteCount(): number {
    return this.#byteCount;
  }

  /** Whether the client waits: for an answer, or to be told of something. */
  get isAwaited(): boolean {
    return this.#byteCount > 0 || (this.#at !== undefined && isToldUnasked(this.#at));
  }

  arrived(byteCount: number): void {
    this.#byteCount += byteCount;
    if (this.#byteCount >= this.#room.maxBytes) this.#socket.pause(PauseReason.ownLimit);
    this.#room.total.arrived(this, byteCount);
  }

  /** @param at where the stream stands now, if that may have changed */
  answered(byteCount: number, at?: StreamCheckpoint): void {
    this.#byteCount -= byteCount;
    if (this.#byteCount <= this.#room.maxBytes / 2) this.#socket.resume(PauseReason.ownLimit);
    this.#room.total.answered(this, byteCount);
    if (at === undefined) return;
    this.#at = at;
    if (this.#mustUnlock) this.#standsAt(at);
  }

  /** The stream stands there: the client may have told the password, or have to tell it again. */
  #standsAt(at: StreamCheckpoint): void {
    const room = isLocked(at) ? this.#rooms.locked : this.#rooms.open;
    if (room === this.#room) return;
    const byteCount = this.#byteCount;
    this.forget();
    this.#room = room;
    this.answered(0);
    this.arrived(byteCount);
  }

  /** The connection is gone, and its bytes with it. */
  forget(): void {
    const byteCount = this.#byteCount;
    this.#byteCount = 0;
    this.#room.total.answered(this, byteCount);
    this.#room.total.leave(this);
  }

  pause(): void {
    this.#socket.pause(PauseReason.totalLimit);
  }

  resume(): void {
    this.#socket.resume(PauseReason.totalLimit);
  }
}

/**
 * The bytes of all connections together. At the limit, connections that send more are paused and stand in line;
 * only the first goes on, up to its own limit. Without that, many clients with half a command each could fill
 * the limit and none of them could ever be answered. Connections with little unanswered do not stand in line: a
 * client that asks one thing at a time is not made to wait by those that fill the limit.
 *
 * Once there is room, the connections that have waited longest go on, a few at a time: how much these send is known before more
 * go on.
 */
export class TotalUnansweredBytes {
  readonly #environment: Pick<Environment, 'startTimer'>;
  readonly #maxBytes: number;
  readonly #modestBytes: number;
  readonly #line = new Set<UnansweredBytes>();
  #byteCount = 0;
  /** Runs for a moment after some were let go on. */
  #pause: Timer | undefined;

  /** @param modestBytes below this, what is unanswered counts as little */
  constructor(environment: Pick<Environment, 'startTimer'>, maxBytes: number, modestBytes: number) {
    this.#environment = environment;
    this.#maxBytes = maxBytes;
    this.#modestBytes = modestBytes;
  }

  arrived(connection: UnansweredBytes, byteCount: number): void {
    this.#byteCount += byteCount;
    if (this.#byteCount < this.#maxBytes || connection.byteCount < this.#modestBytes) return;
    this.#line.add(connection);
    if (connection !== this.#first()) connection.pause();
  }

  answered(connection: UnansweredBytes, byteCount: number): void {
    this.#byteCount -= byteCount;
    if (this.#line.size === 0) return;
    // The first in line had its turn; with more to send it queues up again. A connection with little left need not queue.
    const isModest = connection.byteCount < this.#modestBytes;
    if (isModest && this.#line.has(connection)) connection.resume();
    if (isModest || connection === this.#first()) this.leave(connection);
    this.#admit();
  }

  /** Takes the connection out of the line; whoever is first now may go on. */
  leave(connection: UnansweredBytes): void {
    if (this.#line.delete(connection)) this.#first()?.resume();
  }

  #admit(): void {
    if (this.#pause !== undefined || this.#byteCount > this.#maxBytes / 2) return;
    let count = 0;
    for (const waiting of this.#line) {
      if (count === MAX_RESUMED_AT_ONCE) break;
      count += 1;
      this.#line.delete(waiting);
      waiting.resume();
    }
    const first = this.#first();
    if (first === undefined) return;
    first.resume();
    this.#pause = this.#environment.startTimer(() => {
      this.#pause = undefined;
      this.#admit();
    }, RESUME_PAUSE_MS);
  }

  #first(): UnansweredBytes | undefined {
    return this.#line.values().next().value;
  }
}
