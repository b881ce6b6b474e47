/**
 * One listening TCP port.
 */

import type { ClientAddress } from '../wire/control.js';
import type { Network, NetworkListener, NetworkSocket } from './network.js';

/** A port cannot be listened on. The message is one line that names the address and what to do. */
export class ListenError extends Error {
  readonly code = 'CANNOT_LISTEN';

  constructor(purpose: string, address: ClientAddress, cause: unknown) {
    super(`cannot listen on ${address.host}:${address.port} (${purpose}): ${advice(cause)}`, { cause });
    this.name = 'ListenError';
  }
}

export class Listener {
  readonly #network: Network;
  readonly #purpose: string;
  readonly #accept: (socket: NetworkSocket) => void;
  #address: ClientAddress;
  #listener: NetworkListener | undefined;
  #isClosed = false;

  /**
   * @param purpose what the port is for, as an error message names it.
   * @param accept starts each accepted socket, or destroys it.
   */
  constructor(
    network: Network,
    purpose: string,
    address: ClientAddress,
    accept: (socket: NetworkSocket) => void,
  ) {
    this.#network = network;
    this.#purpose = purpose;
    this.#address = address;
    this.#accept = accept;
  }

  /** Where it listens: once open, with the port that was chosen for port 0. */
  get address(): ClientAddress {
    return this.#address;
  }

  /** Resolves once clients can connect. Throws {@link ListenError}. */
  async open(): Promise<void> {
    const accept = (socket: NetworkSocket) => {
      if (this.#isClosed) socket.destroy();
      else this.#accept(socket);
    };
    const listener = await this.#network.listen(this.#address, accept).catch((cause: unknown) => {
      throw new ListenError(this.#purpose, this.#address, cause);
    });
    this.#listener = listener;
    this.#address = listener.address;
    if (this.#isClosed) listener.close();
  }

  /** From now on clients are refused, also when it is still being opened. Connections that were accepted are not touched. */
  close(): void {
    this.#isClosed = true;
    this.#listener?.close();
  }
}

function advice(cause: unknown): string {
  switch (codeOf(cause)) {
    case 'EADDRINUSE':
      return 'the port is in use; stop what holds it or choose another port';
    case 'EACCES':
      return 'not permitted; choose a port above 1023';
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return 'this machine has no such address; choose another host';
    default:
      return cause instanceof Error ? cause.message : String(cause);
  }
}

function codeOf(cause: unknown): unknown {
  return typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined;
}
