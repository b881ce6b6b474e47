/**
 * The connections that came in through one port.
 */

import type { Environment } from '../environment.js';
import type { StreamLimits } from '../limits.js';
import type { ConnectionId } from '../wire/client-frames.js';
import type { ClientSocket } from './client-socket.js';
import type { Doorkeeper } from './doorkeeper.js';
import type { QuestionRelay, UnassignedConnection } from './question-relay.js';
import type { Slices } from './slices.js';
import type { UnansweredBytes, UnansweredRooms } from './unanswered.js';
import type { UnwrittenSockets } from './unwritten-sockets.js';

export interface Connection extends UnassignedConnection {
  readonly client: ClientSocket;
  /** What came from the client and is not answered. */
  readonly unanswered: Pick<UnansweredBytes, 'byteCount' | 'isAwaited'>;
}

/** What came and went through one port. */
export interface PortMeasurements {
  readonly openConnections: number;
  readonly acceptedConnections: number;
  readonly inBytes: number;
  readonly outBytes: number;
}

/** What all connections of a gateway have in common. */
export interface SharedByConnections {
  readonly environment: Environment;
  readonly limits: StreamLimits;
  readonly ids: ConnectionIds;
  readonly unwritten: UnwrittenSockets;
  readonly unanswered: UnansweredRooms;
  readonly questions: QuestionRelay;
  readonly doorkeeper: Doorkeeper;
  readonly slices: Slices;
}

export class ConnectionIds {
  #last: ConnectionId = 0;

  next(): ConnectionId {
    this.#last += 1;
    return this.#last;
  }
}

export class Connections<C extends Connection> {
  readonly shared: SharedByConnections;
  readonly #open = new Set<C>();
  readonly #emptyWaiters: (() => void)[] = [];
  #accepted = 0;
  /** Bytes of connections that are closed. */
  #inBytes = 0;
  #outBytes = 0;

  constructor(shared: SharedByConnections) {
    this.shared = shared;
  }

  add(connection: C): void {
    this.#open.add(connection);
    this.#accepted += 1;
  }

  delete(connection: C): void {
    if (!this.#open.delete(connection)) return;
    this.#inBytes += connection.client.inBytes;
    this.#outBytes += connection.client.outBytes;
    if (this.#open.size > 0) return;
    for (const resolve of this.#emptyWaiters.splice(0)) resolve();
  }

  /** Adds up what the sockets count by themselves. */
  measure(): PortMeasurements {
    let inBytes = this.#inBytes;
    let outBytes = this.#outBytes;
    for (const connection of this.#open) {
      inBytes += connection.client.inBytes;
      outBytes += connection.client.outBytes;
    }
    return {
      openConnections: this.#open.size,
      acceptedConnections: this.#accepted,
      inBytes,
      outBytes,
    };
  }

  [Symbol.iterator](): Iterator<C> {
    return this.#open.values();
  }

  finishAll(): void {
    for (const connection of this.#open) connection.client.finishInput();
  }

  destroyAll(): void {
    for (const connection of this.#open) connection.client.destroy();
  }

  /** Resolves as soon as there is no connection. */
  whenEmpty(): Promise<void> {
    if (this.#open.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#emptyWaiters.push(resolve));
  }
}
