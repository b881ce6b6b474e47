/**
 * The connections that came in through one port.
 */

import type { UnwrittenSockets } from './client-socket.js';
import type { TotalUnansweredBytes } from './unanswered.js';

export interface Connection {
  /** Takes no more commands; closes once those in flight are answered. */
  finish(): void;
  /** Closes at once. */
  destroy(): void;
}

/** What all connections of a gateway have in common. */
export interface SharedByConnections {
  readonly unwritten: UnwrittenSockets;
  readonly totalUnanswered: TotalUnansweredBytes;
}

export class Connections<C extends Connection> {
  readonly shared: SharedByConnections;
  readonly #open = new Set<C>();
  readonly #emptyWaiters: (() => void)[] = [];

  constructor(shared: SharedByConnections) {
    this.shared = shared;
  }

  add(connection: C): void {
    this.#open.add(connection);
  }

  delete(connection: C): void {
    this.#open.delete(connection);
    if (this.#open.size > 0) return;
    for (const resolve of this.#emptyWaiters.splice(0)) resolve();
  }

  [Symbol.iterator](): Iterator<C> {
    return this.#open.values();
  }

  finishAll(): void {
    for (const connection of this.#open) connection.finish();
  }

  destroyAll(): void {
    for (const connection of this.#open) connection.destroy();
  }

  /** Resolves as soon as there is no connection. */
  whenEmpty(): Promise<void> {
    if (this.#open.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#emptyWaiters.push(resolve));
  }
}
