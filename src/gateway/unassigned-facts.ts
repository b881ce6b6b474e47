/** What the gateway itself knows of a connection: all there is to tell of it while it is assigned to no server. */

import type { Environment } from '../environment.js';
import type { StreamCheckpoint } from '../protocol/checkpoint.js';
import { type ClientFacts, endpoint } from '../protocol/resp/client-facts.js';
import type { AssignmentOpening, ConnectionId } from '../wire/client-frames.js';
import type { ClientSocket } from './client-socket.js';

export class UnassignedFacts {
  readonly #connection: ConnectionId;
  readonly #client: ClientSocket;
  readonly #environment: Environment;
  readonly #acceptedAtMs: number;

  constructor(connection: ConnectionId, client: ClientSocket, environment: Environment) {
    this.#connection = connection;
    this.#client = client;
    this.#environment = environment;
    this.#acceptedAtMs = environment.nowMs();
  }

  /** What a server gets to know of the connection. */
  opening(): Pick<AssignmentOpening, 'connection' | 'from' | 'reached' | 'ageMs'> {
    const { from, reached } = this.#client;
    return { connection: this.#connection, from, reached, ageMs: this.#ageMs };
  }

  /** The connection as CLIENT LIST shows it. Its idle time is not known: at most its age. */
  facts(at?: StreamCheckpoint): ClientFacts {
    const { from, reached, backlogBytes } = this.#client;
    const resp = at?.place === 'resp' ? at : undefined;
    const ageS = Math.floor(this.#ageMs / 1000);
    return {
      id: this.#connection,
      from: endpoint(from),
      reached: endpoint(reached),
      name: resp?.name ?? '',
      ageS,
      idleS: ageS,
      queuedCount: undefined,
      isMonitor: resp?.isMonitor === true,
      channelCount: resp?.subscriptions.channels.size ?? 0,
      patternCount: resp?.subscriptions.patterns.size ?? 0,
      bufferedBytes: 0,
      unreadBytes: backlogBytes,
      lastCommand: '',
      version: resp?.version ?? 0,
      libName: resp?.libName ?? '',
      libVersion: resp?.libVersion ?? '',
    };
  }

  get #ageMs(): number {
    return this.#environment.nowMs() - this.#acceptedAtMs;
  }
}
