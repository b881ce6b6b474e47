/** Links over TCP, and over TLS where that is asked for. */

import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import type { Address, Dial, Link, LinkEvents } from '../world.js';

/** What Node's `tls.connect` takes: `ca`, `cert`, `key` and so on. The address is the client's. */
export type TlsOptions = Omit<ConnectionOptions, 'host' | 'port' | 'path' | 'socket'>;

/** A connection over which nothing is sent for this long is asked whether the other side is there. */
const KEEP_ALIVE_MS = 10_000;

export function tcpDial(tls: TlsOptions | undefined): Dial {
  return (address, events) =>
    new TcpLink(openSocket(address, tls), events, tls === undefined ? 'connect' : 'secureConnect');
}

function openSocket({ host, port }: Address, tls: TlsOptions | undefined): Socket {
  if (tls === undefined) return connectTcp({ host, port, noDelay: true });
  // A name is what the certificate is checked against; an address cannot be one.
  const servername = isIP(host) === 0 ? { servername: host } : {};
  return connectTls({ ...servername, ...tls, host, port });
}

class TcpLink implements Link {
  readonly #socket: Socket;

  constructor(socket: Socket, events: LinkEvents, openEvent: 'connect' | 'secureConnect') {
    this.#socket = socket;
    let reason: Error | undefined;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.on(openEvent, () => events.onOpen());
    socket.on('data', (bytes: Buffer) => events.onData(bytes));
    socket.on('error', (error) => {
      reason = error;
    });
    socket.on('close', () => {
      if (!this.#isDestroyed) events.onClosed(reason ?? new Error('the server closed the connection'));
    });
  }

  #isDestroyed = false;

  get unwrittenBytes(): number {
    return this.#socket.writableLength;
  }

  write(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  destroy(): void {
    this.#isDestroyed = true;
    this.#socket.destroy();
  }
}
