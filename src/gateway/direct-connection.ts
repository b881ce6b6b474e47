/**
 * A client's connection to the port of one server: it lives and dies with that server.
 */

import type { StreamCheckpoint } from '../protocol/checkpoint.js';
import type { ClientFacts } from '../protocol/resp/client-facts.js';
import type { ConnectionId } from '../wire/client-frames.js';
import type { ClientAddress } from '../wire/control.js';
import { ClientSocket, PauseReason, type SocketHandlers } from './client-socket.js';
import type { Connection, Connections } from './connections.js';
import { startOfClient } from './first-line.js';
import { HeldBytes } from './held-bytes.js';
import type { NetworkSocket } from './network.js';
import type { Assignment, AssignmentOwner, RoomWaiter, ServerTraffic } from './server-traffic.js';
import { UnansweredBytes } from './unanswered.js';
import { UnassignedFacts } from './unassigned-facts.js';

export class DirectConnection implements Connection, SocketHandlers, AssignmentOwner, RoomWaiter {
  readonly #traffic: ServerTraffic;
  readonly client: ClientSocket;
  readonly unanswered: UnansweredBytes;
  readonly #connections: Connections<DirectConnection>;
  readonly #id: ConnectionId;
  readonly #whileUnassigned: UnassignedFacts;
  /** Opened once the client's first line tells what it speaks. */
  #assignment: Assignment | undefined;
  /** What has come of the first line, while it does not tell that. */
  #firstLine: HeldBytes | undefined;

  constructor(socket: NetworkSocket, traffic: ServerTraffic, connections: Connections<DirectConnection>) {
    this.#traffic = traffic;
    const { shared } = connections;
    this.client = new ClientSocket(socket, this, shared);
    this.unanswered = new UnansweredBytes(this.client, shared);
    this.#connections = connections;
    this.#id = connections.shared.ids.next();
    this.#whileUnassigned = new UnassignedFacts(this.#id, this.client, connections.shared.environment);
    connections.add(this);
    this.#pauseWhileFull();
  }

  get facts(): ClientFacts | undefined {
    return this.#assignment === undefined ? this.#whileUnassigned.facts() : undefined;
  }

  get from(): ClientAddress {
    return this.client.from;
  }

  onData(bytes: Uint8Array): void {
    this.unanswered.arrived(bytes.byteLength);
    if (this.#assignment === undefined) this.#begin(bytes);
    else this.#assignment.send(bytes);
    this.#pauseWhileFull();
  }

  #begin(bytes: Uint8Array): void {
    this.#firstLine?.append(bytes);
    const first = this.#firstLine?.view(0, this.#firstLine.length) ?? bytes;
    const at = startOfClient(first, this.client, this.#connections.shared);
    if (at === undefined) {
      if (this.#firstLine !== undefined) return;
      this.#firstLine = new HeldBytes();
      this.#firstLine.append(bytes);
      return;
    }
    this.#assignment = this.#traffic.open(this, { ...this.#whileUnassigned.opening(), routed: false, at });
    this.#assignment.send(first);
    this.#firstLine = undefined;
  }

  onInputEnd(): void {
    // Only the server knows whether the unanswered bytes are a whole command; half a first line is not.
    if (this.#assignment === undefined) this.client.end();
    else this.#assignment.endInput();
  }

  onWritten(): void {
    this.#assignment?.reportDrained(this.client.backlogBytes);
  }

  onGone(): void {
    this.#assignment?.close();
    this.#assignment = undefined;
    this.#traffic.leaveRoomQueue(this);
    this.unanswered.forget();
    this.#connections.delete(this);
  }

  onRoom(): void {
    this.client.resume(PauseReason.serverFull);
  }

  onReply(answeredBytes: number, at: StreamCheckpoint, bytes: Uint8Array): void {
    this.unanswered.answered(answeredBytes, at);
    if (bytes.byteLength === 0) return;
    this.#assignment?.received(bytes.byteLength);
    this.client.write(bytes);
  }

  onRefuse(): void {
    this.onLost();
  }

  onClose(): void {
    this.#assignment = undefined;
    this.client.end();
  }

  onLost(): void {
    this.#assignment = undefined;
    this.client.destroy();
  }

  /** What is sent to a full server is kept here, even when its client has gone. */
  #pauseWhileFull(): void {
    if (!this.#traffic.full) return;
    this.client.pause(PauseReason.serverFull);
    this.#traffic.awaitRoom(this);
  }
}
