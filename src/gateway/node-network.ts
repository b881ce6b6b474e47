/**
 * The operating system's network, by Node's sockets. What clients send is read into memory that all sockets share, if
 * this version of Node lets it: see read-memory.ts.
 */

import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { ClientAddress } from '../wire/control.js';
import type { Network, NetworkListener, NetworkSocket, SocketEvents } from './network.js';
import { withSharedReads } from './read-memory.js';

/** Clients that may wait to be accepted. */
const BACKLOG = 1024;

export class NodeNetwork implements Network {
  listen(address: ClientAddress, accept: (socket: NetworkSocket) => void): Promise<NetworkListener> {
    return new Promise((resolve, reject) => {
      const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
        accept(new NodeSocket(socket)),
      );
      server.once('error', reject);
      server.listen({ ...address, backlog: BACKLOG }, () => {
        server.removeAllListeners('error');
        // Failing to accept one connection, as when out of descriptors, leaves the others as they are.
        server.on('error', () => {});
        const bound = server.address();
        const port = isAddressInfo(bound) ? bound.port : address.port;
        resolve({ address: { host: address.host, port }, close: () => server.close() });
      });
    });
  }
}

class NodeSocket implements NetworkSocket {
  #socket: Socket;

  constructor(accepted: Socket) {
    this.#socket = accepted;
  }

  get bytesRead(): number {
    return this.#socket.bytesRead;
  }

  get bytesWritten(): number {
    return this.#socket.bytesWritten;
  }

  get unwrittenBytes(): number {
    return this.#socket.writableLength;
  }

  get isBackedUp(): boolean {
    return this.#socket.writableNeedDrain;
  }

  start(events: SocketEvents): void {
    const socket = withSharedReads(this.#socket, (bytes) => events.onData(bytes));
    this.#socket = socket;
    socket.on('end', () => events.onInputEnd());
    socket.on('drain', () => events.onDrained());
    // A reset needs no more than the 'close' that follows it.
    socket.on('error', () => {});
    socket.on('close', () => events.onGone());
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  write(bytes: Uint8Array): void {
    if (!this.#socket.writableEnded) this.#socket.write(bytes);
  }

  end(): void {
    if (!this.#socket.writableEnded) this.#socket.destroySoon();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

function isAddressInfo(address: AddressInfo | string | null): address is AddressInfo {
  return address !== null && typeof address !== 'string';
}
