/**
 * The operating system's network, by Node's sockets. What clients send is read into memory that all sockets share, if
 * this version of Node lets it: see shared-reads.ts.
 */

import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createSecureServer } from 'node:tls';
import { ACCEPT_BACKLOG } from '../../connection-limits.js';
import { TLS_HANDSHAKE_TIMEOUT_MS } from '../../time-limits.js';
import type { ClientAddress } from '../../wire/control.js';
import { AddressShares, plainAddress } from '../address-shares.js';
import type { Network, NetworkListener, NetworkSocket, SocketEvents } from '../network.js';
import { probeSharedReads, type ReadFrom, withOwnReads, withSharedReads } from './shared-reads.js';
import type { TlsIdentity } from './tls-identity.js';

export class NodeNetwork implements Network {
  /**
   * Why each socket is read in the documented way, which is slower; undefined if none has to be. Known some milliseconds
   * after the start; those few sockets that are accepted before are read in the documented way, too.
   */
  readonly whySlow: Promise<string | undefined>;
  readonly #limit: ConnectionLimit;
  readonly #tls: TlsIdentity | undefined;
  #readFrom: ReadFrom = withOwnReads;
  readonly #open = new AddressShares();

  /**
   * @param probe tells why memory cannot be shared; undefined if it can.
   * @param tls has all clients speak TLS, whose sockets are read in the documented way
   */
  constructor(
    probe: () => Promise<string | undefined> = probeOnce,
    limit: ConnectionLimit = NO_LIMIT,
    tls?: TlsIdentity,
  ) {
    this.whySlow = probe();
    this.#limit = limit;
    this.#tls = tls;
    this.whySlow.then((reason) => {
      if (reason === undefined) this.#readFrom = withSharedReads;
    });
  }

  listen(address: ClientAddress, accept: (socket: NetworkSocket) => void): Promise<NetworkListener> {
    return new Promise((resolve, reject) => {
      const handshakes = new Handshakes();
      const server =
        this.#tls === undefined
          ? this.#newServer(accept)
          : this.#newSecureServer(this.#tls, handshakes, accept);
      server.once('error', reject);
      server.listen({ ...address, backlog: ACCEPT_BACKLOG }, () => {
        server.removeAllListeners('error');
        // Failing to accept one connection, as when out of descriptors, leaves the others as they are.
        server.on('error', () => {});
        const bound = server.address();
        const port = isAddressInfo(bound) ? bound.port : address.port;
        const close = () => {
          server.close();
          handshakes.destroyAll();
        };
        resolve({ address: { host: address.host, port }, close });
      });
    });
  }

  #newServer(accept: (socket: NetworkSocket) => void): Server {
    return createServer(SERVER_OPTIONS, (socket) => {
      if (this.#isFullFor(socket)) this.#refuse(socket);
      else accept(new NodeSocket(socket, this.#readFrom, this.#count(socket)));
    });
  }

  /** Connections count from their first byte on, and one too many is closed: a message would take a handshake. */
  #newSecureServer(
    tls: TlsIdentity,
    handshakes: Handshakes,
    accept: (socket: NetworkSocket) => void,
  ): Server {
    const options = {
      ...SERVER_OPTIONS,
      ...tls.contextOptions(RESUMES),
      requestCert: tls.asksClients,
      rejectUnauthorized: tls.asksClients,
      handshakeTimeout: TLS_HANDSHAKE_TIMEOUT_MS,
    };
    const server = createSecureServer(options, (socket) => {
      handshakes.end(socket);
      accept(new NodeSocket(socket, withOwnReads, () => {}, { saysGoodbye: true }));
    });
    server.prependListener('connection', (socket: Socket) => {
      // A client may reset its connection before there is anybody else to hear of it.
      socket.on('error', () => {});
      if (this.#isFullFor(socket)) {
        this.#limit.onRefused();
        socket.destroy();
      } else {
        socket.once('close', this.#count(socket));
        handshakes.begin(socket);
      }
    });
    // No handshake came, or a bad one: Node tells so, and leaves the connection open.
    server.on('tlsClientError', (_, socket) => socket.destroy());
    tls.keepUpToDate(server, RESUMES);
    return server;
  }

  #isFullFor({ remoteAddress = '' }: Socket): boolean {
    return this.#open.isFullFor(remoteAddress, this.#limit.maxConnections);
  }

  /** The client is told that there are too many, and closed. */
  #refuse(socket: Socket): void {
    this.#limit.onRefused();
    socket.on('error', () => undefined);
    socket.end(TOO_MANY, () => socket.destroy());
  }

  /** Counts a client until what this returns is called. */
  #count({ remoteAddress = '' }: Socket): () => void {
    return this.#open.take(remoteAddress);
  }
}

/** The connections of a port that are not clients' sockets yet: TLS makes a new socket of each, and does not tell of which. */
class Handshakes {
  /** By both ends of the connection, which no other has. */
  readonly #raw = new Map<string, Socket>();

  begin(raw: Socket): void {
    const ends = endsOf(raw);
    this.#raw.set(ends, raw);
    raw.once('close', () => {
      if (this.#raw.get(ends) === raw) this.#raw.delete(ends);
    });
  }

  /** The connection has become this socket. */
  end(socket: Socket): void {
    this.#raw.delete(endsOf(socket));
  }

  destroyAll(): void {
    for (const raw of this.#raw.values()) raw.destroy();
  }
}

function endsOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}

const SERVER_OPTIONS = { allowHalfOpen: true, noDelay: true };
const RESUMES = { resumes: true };

/** What Redis says; clients of the text protocol see a bad reply, and the end. */
const TOO_MANY = '-ERR max number of clients reached\r\n';

/** How many clients may be connected, through all ports together. */
export interface ConnectionLimit {
  /** Asked for at each client that connects: it may change with the servers. */
  readonly maxConnections: number;
  /** Called for each client that is refused. */
  readonly onRefused: () => void;
}

const NO_LIMIT: ConnectionLimit = { maxConnections: Number.POSITIVE_INFINITY, onRefused: () => undefined };

let verdict: Promise<string | undefined> | undefined;

/** As {@link probeSharedReads}, which has the same to say as long as the process runs. */
function probeOnce(): Promise<string | undefined> {
  verdict ??= probeSharedReads();
  return verdict;
}

class NodeSocket implements NetworkSocket {
  #socket: Socket;
  readonly #readFrom: ReadFrom;
  readonly #onClose: () => void;
  /** Closing it is not enough of an end: TLS has a message for that. */
  readonly #saysGoodbye: boolean;
  #inputHasEnded = false;

  /** @param onClose called when the connection is closed */
  constructor(accepted: Socket, readFrom: ReadFrom, onClose: () => void, { saysGoodbye = false } = {}) {
    this.#socket = accepted;
    this.#readFrom = readFrom;
    this.#onClose = onClose;
    this.#saysGoodbye = saysGoodbye;
    accepted.once('close', onClose);
  }

  get from(): ClientAddress {
    const { remoteAddress = '', remotePort = 0 } = this.#socket;
    return { host: plainAddress(remoteAddress), port: remotePort };
  }

  get reached(): ClientAddress {
    const { localAddress = '', localPort = 0 } = this.#socket;
    return { host: plainAddress(localAddress), port: localPort };
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
    const socket = this.#readFrom(this.#socket, (bytes) => events.onData(bytes));
    this.#socket = socket;
    socket.on('end', () => {
      this.#inputHasEnded = true;
      events.onInputEnd();
    });
    socket.on('drain', () => events.onDrained());
    // A reset needs no more than the 'close' that follows it.
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#onClose();
      events.onGone();
    });
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
    const socket = this.#socket;
    if (socket.writableEnded) return;
    // Ending a stream step by step takes several times as long as closing what has nothing left to read or to write.
    if (this.#inputHasEnded && socket.writableLength === 0 && !this.#saysGoodbye) socket.destroy();
    else socket.destroySoon();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

function isAddressInfo(address: AddressInfo | string | null): address is AddressInfo {
  return address !== null && typeof address !== 'string';
}
