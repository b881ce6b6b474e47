/** The client connections that this server serves, from their first frame to their last. */

import type { Term } from '../../raft/types.js';
import type { AssignmentId, ClientFrame } from '../../wire/client-frames.js';
import { ClientConnection, TotalUnread } from './client-connection.js';
import type { FairQueue } from './fair-queue.js';
import { HalfSent } from './half-sent.js';
import type { LeaderlessClients } from './leaderless-clients.js';
import type { Monitors } from './monitors.js';
import type { Proposals } from './proposals.js';
import type { ReplyFrames } from './reply-frames.js';

export interface ClientConnectionsOptions {
  readonly replies: ReplyFrames;
  readonly proposals: Proposals;
  readonly queue: FairQueue;
  readonly leaderless: LeaderlessClients;
  readonly monitors: Monitors;
  /** Told of each that is not here any more. */
  readonly onDrop: (client: ClientConnection) => void;
}

export class ClientConnections {
  readonly #replies: ReplyFrames;
  readonly #proposals: Proposals;
  readonly #queue: FairQueue;
  readonly #leaderless: LeaderlessClients;
  readonly #monitors: Monitors;
  readonly #onDrop: ClientConnectionsOptions['onDrop'];
  /** Opened so far, and bytes that came for them. */
  openedCount = 0;
  receivedBytes = 0;
  readonly #totalUnread = new TotalUnread();
  readonly #byId = new Map<AssignmentId, ClientConnection>();
  readonly halfSent = new HalfSent();

  constructor({ replies, proposals, queue, leaderless, monitors, onDrop }: ClientConnectionsOptions) {
    this.#replies = replies;
    this.#proposals = proposals;
    this.#queue = queue;
    this.#leaderless = leaderless;
    this.#monitors = monitors;
    this.#onDrop = onDrop;
  }

  get count(): number {
    return this.#byId.size;
  }

  get(id: AssignmentId): ClientConnection | undefined {
    return this.#byId.get(id);
  }

  [Symbol.iterator](): Iterator<ClientConnection> {
    return this.#byId.values();
  }

  open(frame: Extract<ClientFrame, { type: 'open' }>, nowMs: number): ClientConnection {
    const client = new ClientConnection(frame.assignment, frame, this.#totalUnread, nowMs);
    this.openedCount += 1;
    if (client.redis?.isMonitor === true) this.#monitors.add(client);
    this.#byId.set(client.id, client);
    return client;
  }

  /** Queues the stopped clients: what stopped them may be gone. */
  queueStopped(): void {
    for (const client of this.#byId.values()) if (client.isStopped) this.#queue.add(client);
  }

  /** Sends a client of the router back to it, to go on elsewhere. This server has last led in `ledTerm`. */
  refuse(client: ClientConnection, ledTerm: Term): void {
    this.#replies.refuse(client, ledTerm);
    this.drop(client);
  }

  /** Closes the connection once what was answered is written. What else it asked for is done, and not answered. */
  close(client: ClientConnection): void {
    this.#replies.close(client);
    this.drop(client);
  }

  /** All that the client has sent as whole commands is answered. */
  settle(client: ClientConnection, nowMs: number): void {
    if (client.isEnding) this.close(client);
    else if (client.parser.halfStart !== undefined) this.halfSent.note(client, nowMs);
  }

  /** Closes the connections of clients that do not send the rest of a command. */
  closeHalfSent(nowMs: number): void {
    for (const client of this.halfSent.takeOverdue(nowMs)) this.close(client);
  }

  /** The connection is not here any more. */
  drop(client: ClientConnection): void {
    client.leave();
    this.halfSent.forget(client);
    this.#byId.delete(client.id);
    this.#monitors.remove(client);
    this.#onDrop(client);
    this.#proposals.cameBack(client);
    this.#queue.remove(client);
    this.#leaderless.remove(client);
  }
}
