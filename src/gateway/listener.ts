/**
 * One listening TCP port.
 */

import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { ClientAddress } from '../wire/control.js';

/** A port cannot be listened on. The message is one line that names the address and what to do. */
export class ListenError extends Error {
  readonly code = 'CANNOT_LISTEN';

  constructor(purpose: string, address: ClientAddress, cause: NodeJS.ErrnoException) {
    super(`cannot listen on ${address.host}:${address.port} (${purpose}): ${advice(cause)}`, { cause });
    this.name = 'ListenError';
  }
}

export class Listener {
  readonly #purpose: string;
  readonly #server: Server;
  #address: ClientAddress;
  #closed = false;

  /**
   * @param purpose what the port is for, as an error message names it.
   * @param accept takes over each accepted socket.
   */
  constructor(purpose: string, address: ClientAddress, accept: (socket: Socket) => void) {
    this.#purpose = purpose;
    this.#address = address;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, accept);
  }

  /** Where it listens: once open, with the port that was chosen for port 0. */
  get address(): ClientAddress {
    return this.#address;
  }

  /** Resolves once clients can connect. Throws {@link ListenError}. */
  open(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', (cause) => reject(new ListenError(this.#purpose, this.#address, cause)));
      this.#server.listen({ ...this.#address, backlog: 1024 }, () => {
        this.#server.removeAllListeners('error');
        // Failing to accept one connection, as when out of descriptors, leaves the others as they are.
        this.#server.on('error', () => {});
        const bound = this.#server.address();
        if (isAddressInfo(bound)) this.#address = { host: this.#address.host, port: bound.port };
        // A listener that is closed while it opens would open all the same.
        if (this.#closed) this.#server.close();
        resolve();
      });
    });
  }

  /** From now on clients are refused. Connections that were accepted are not touched. */
  close(): void {
    this.#closed = true;
    this.#server.close();
  }
}

function isAddressInfo(address: AddressInfo | string | null): address is AddressInfo {
  return address !== null && typeof address !== 'string';
}

function advice(cause: NodeJS.ErrnoException): string {
  switch (cause.code) {
    case 'EADDRINUSE':
      return 'the port is in use; stop what holds it or choose another port';
    case 'EACCES':
      return 'not permitted; choose a port above 1023';
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return 'this machine has no such address; choose another host';
    default:
      return cause.message;
  }
}
