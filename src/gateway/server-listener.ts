/**
 * Listens on one server's client port: open while the server runs, otherwise closed like a dead process's port.
 */

import assert from 'node:assert/strict';
import type { ClientAddress } from '../wire/control.js';
import { Connections, type SharedByConnections } from './connections.js';
import { DirectConnection } from './direct-connection.js';
import { Listener } from './listener.js';
import type { Network } from './network.js';
import { type ServerChannel, ServerTraffic } from './server-traffic.js';

export class ServerListener {
  readonly #network: Network;
  readonly #purpose: string;
  readonly connections: Connections<DirectConnection>;
  #address: ClientAddress;
  #open: { readonly traffic: ServerTraffic; readonly listener: Listener } | undefined;
  /** Holds a port that was found for port 0 until the server is up. */
  #reservation: Listener | undefined;

  constructor(network: Network, purpose: string, address: ClientAddress, shared: SharedByConnections) {
    this.#network = network;
    this.#purpose = purpose;
    this.#address = address;
    this.connections = new Connections(shared);
  }

  /** Where clients connect. A port 0 is replaced by the port that {@link reserve} found, and stays that. */
  get address(): ClientAddress {
    return this.#address;
  }

  /** The traffic with the server, while it runs. */
  get traffic(): ServerTraffic | undefined {
    return this.#open?.traffic;
  }

  /**
   * Checks that the port can be listened on, and leaves it as it was; for port 0, finds one and keeps others from it until
   * {@link open}. Throws {@link ListenError}.
   */
  async reserve(): Promise<void> {
    const listener = new Listener(this.#network, this.#purpose, this.#address, (socket) => socket.destroy());
    await listener.open();
    if (this.#address.port === 0) this.#reservation = listener;
    else listener.close();
    this.#address = listener.address;
  }

  /** Listens, and sends what comes to the server. Throws {@link ListenError}. */
  async open(channel: ServerChannel, onGone: () => void): Promise<void> {
    assert(this.#open === undefined, `${this.#purpose}: the port is open`);
    const traffic = new ServerTraffic(channel, onGone, this.connections.shared);
    const listener = new Listener(this.#network, this.#purpose, this.#address, (socket) => {
      new DirectConnection(socket, traffic, this.connections);
    });
    this.#open = { traffic, listener };
    this.#release();
    try {
      await listener.open();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Accepts no more clients; those that are connected stay. */
  stopListening(): void {
    this.#release();
    this.#open?.listener.close();
  }

  /** The server is gone: refuses clients, and closes the connections of those there are. */
  close(): void {
    this.#release();
    const open = this.#open;
    if (open === undefined) return;
    this.#open = undefined;
    open.listener.close();
    this.connections.destroyAll();
    open.traffic.lose();
  }

  #release(): void {
    this.#reservation?.close();
    this.#reservation = undefined;
  }
}
