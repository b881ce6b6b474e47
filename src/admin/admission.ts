/**
 * When a request is served: one at a time of each connection, a few at a time of all. The port is for those who operate the
 * cluster, and shares its thread with all clients' traffic: whoever floods it waits for his own answers.
 */

import type { Socket } from 'node:net';
import { MAX_ADMIN_CALLS, MAX_WAITING_ADMIN_CALLS } from './admin-limits.js';
import { HttpError } from './http-error.js';

export interface AdminCall {
  /** Comes first, once the connection's last request is answered. No other connection waits for it. */
  readonly admit?: () => Promise<void>;
  readonly call: () => Promise<void>;
  /** Resolves once the client's system has the whole answer, or the connection is gone. */
  readonly answered: () => Promise<void>;
  /** If false, the call has its own limit. */
  readonly countsAmongAll: boolean;
}

export class Admission {
  /** Requests of a connection that are not answered. */
  readonly #unanswered = new WeakMap<Socket, number>();
  /** Resolves when the last request of a connection is answered. */
  readonly #last = new WeakMap<Socket, Promise<void>>();
  #serving = 0;
  /** At most one per connection; a closed connection's call gives its place to the next. */
  readonly #waiting: (() => void)[] = [];

  /**
   * Does the call once it is its turn, unless the connection is closed before; the next one of the connection waits for the
   * answer. Rejects with HttpError 503 when too many wait, and with what the call rejects with.
   */
  async serve(socket: Socket, { admit, call, answered, countsAmongAll }: AdminCall): Promise<void> {
    const before = this.#last.get(socket);
    let done = () => {};
    this.#last.set(
      socket,
      new Promise((resolve) => {
        done = resolve;
      }),
    );
    this.#changeUnanswered(socket, 1);
    try {
      await before;
      if (socket.destroyed) return;
      if (admit !== undefined) await admit();
      if (countsAmongAll) await this.#turn();
      try {
        if (socket.destroyed) return;
        await call();
      } finally {
        if (countsAmongAll) this.#leave();
      }
      // A client that does not read its answers keeps only itself waiting.
      await answered();
    } finally {
      this.#changeUnanswered(socket, -1);
      done();
    }
  }

  /** Pauses reading from a connection while more than one of its requests is unanswered. */
  #changeUnanswered(socket: Socket, by: 1 | -1): void {
    const count = (this.#unanswered.get(socket) ?? 0) + by;
    this.#unanswered.set(socket, count);
    if (count > 1) socket.pause();
    else if (by === -1 && !socket.destroyed) socket.resume();
  }

  async #turn(): Promise<void> {
    if (this.#serving < MAX_ADMIN_CALLS) {
      this.#serving += 1;
      return;
    }
    if (this.#waiting.length >= MAX_WAITING_ADMIN_CALLS)
      throw new HttpError(503, `${MAX_WAITING_ADMIN_CALLS} calls wait already: try again`);
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Gives the place of a call that has ended to the next call that waits. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#serving -= 1;
    else next();
  }
}
