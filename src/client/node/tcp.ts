/** Links over TCP, and over TLS where that is asked for. */

import { connect as connectTcp, isIP, type OnReadOpts, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, createSecureContext } from 'node:tls';
import { ArgumentError } from '../client-errors.js';
import type { Address, Dial, Link, LinkEvents } from '../world.js';

/** What Node's `tls.connect` takes: `ca`, `cert`, `key` and so on. The address is the client's. */
export type TlsOptions = Omit<ConnectionOptions, 'host' | 'port' | 'path' | 'socket'>;

/** A connection over which nothing is sent for this long is asked whether the other side is there. */
const KEEP_ALIVE_MS = 10_000;

/**
 * What all sockets are read into: whoever is given bytes is done with them before the next are read. A socket by itself asks for
 * as much memory before each read, which is more work than the read of a short reply.
 */
const MEMORY = Buffer.allocUnsafeSlow(64 * 1024);

/** Throws ArgumentError for certificates, keys and so on that TLS cannot use, which would else end the process later. */
export function tcpDial(tls: TlsOptions | undefined): Dial {
  try {
    if (tls !== undefined) createSecureContext(tls);
  } catch (error) {
    throw new ArgumentError(`tls: ${error instanceof Error ? error.message : String(error)}`);
  }
  return (address, events) => {
    const onread: OnReadOpts = {
      buffer: MEMORY,
      callback: (byteCount) => {
        events.onData(MEMORY.subarray(0, byteCount));
        return true;
      },
    };
    const socket = openSocket(address, tls, onread);
    return new TcpLink(socket, events, tls === undefined ? 'connect' : 'secureConnect');
  };
}

function openSocket({ host, port }: Address, tls: TlsOptions | undefined, onread: OnReadOpts): Socket {
  if (tls === undefined) return connectTcp({ host, port, noDelay: true, onread });
  // A name is what the certificate is checked against; an address cannot be one.
  const servername = isIP(host) === 0 ? { servername: host } : {};
  const options = { ...servername, ...tls, host, port, onread };
  return connectTls(options);
}

class TcpLink implements Link {
  readonly #socket: Socket;

  constructor(socket: Socket, events: LinkEvents, openEvent: 'connect' | 'secureConnect') {
    this.#socket = socket;
    let reason: Error | undefined;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.on(openEvent, () => events.onOpen());
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
