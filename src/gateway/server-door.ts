/**
 * The client port of one server: open while the server runs, closed as that of a dead process otherwise.
 */

import assert from 'node:assert/strict';
import type { ClientAddress } from '../server/control.js';
import { Connections, type SharedByConnections } from './connections.js';
import { DirectConnection } from './direct-connection.js';
import { Listener } from './listener.js';
import { type ServerChannel, ServerTraffic } from './server-traffic.js';

export class ServerDoor {
  readonly #purpose: string;
  readonly connections: Connections<DirectConnection>;
  #address: ClientAddress;
  #open: { readonly traffic: ServerTraffic; readonly listener: Listener } | undefined;

  constructor(purpose: string, address: ClientAddress, shared: SharedByConnections) {
    this.#purpose = purpose;
    this.#address = address;
    this.connections = new Connections(shared);
  }

  /** Where clients connect. A port 0 is replaced by the port that was found at first, and stays that. */
  get address(): ClientAddress {
    return this.#address;
  }

  /** The traffic with the server, while it runs. */
  get traffic(): ServerTraffic | undefined {
    return this.#open?.traffic;
  }

  /** Throws {@link ListenError} when the port cannot be listened on; it is as it was otherwise. */
  async check(): Promise<void> {
    const listener = new Listener(this.#purpose, this.#address, (socket) => socket.destroy());
    await listener.open();
    listener.close();
  }

  /** Listens, and sends what comes to the server. Throws {@link ListenError}. */
  async open(channel: ServerChannel, onGone: () => void): Promise<void> {
    assert(this.#open === undefined, `${this.#purpose}: the port is open`);
    const traffic = new ServerTraffic(channel, onGone);
    const listener = new Listener(this.#purpose, this.#address, (socket) => {
      new DirectConnection(socket, traffic, this.connections);
    });
    this.#open = { traffic, listener };
    try {
      await listener.open();
      this.#address = listener.address;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Accepts no more clients; those that are connected stay. */
  stopListening(): void {
    this.#open?.listener.close();
  }

  /** The server is gone: refuses clients, and closes the connections of those there are. */
  close(): void {
    const open = this.#open;
    if (open === undefined) return;
    this.#open = undefined;
    open.listener.close();
    this.connections.destroyAll();
    open.traffic.lose();
  }
}
