/**
 * The network as the gateway uses it: ports that clients connect to, and a socket for each client. The one for real
 * clients is node/node-network.ts; the simulator has another. test/gateway/network-suite.ts checks what is promised here.
 *
 * Every callback is an event of its own: no implementation calls one from within a method that the gateway calls, and
 * two callbacks never overlap. A callback may call any method of any socket or listener.
 */

import type { ClientAddress } from '../wire/control.js';

export interface Network {
  /**
   * Opens a port for clients; resolves once they can connect.
   *
   * @param address port 0 takes any free one, which {@link NetworkListener.address} then names.
   * @param accept gets each client's socket. It must {@link NetworkSocket.start} or destroy it before it returns.
   * @throws an Error whose `code` is the operating system's, such as EADDRINUSE; then nothing is open.
   */
  listen(address: ClientAddress, accept: (socket: NetworkSocket) => void): Promise<NetworkListener>;
}

export interface NetworkListener {
  /** Where it listens, with the port that was chosen for port 0. */
  readonly address: ClientAddress;
  /**
   * Frees the port: from now on clients are refused, also those that have yet to end a handshake. Sockets that were accepted
   * stay. No effect once closed.
   */
  close(): void;
}

/** The events of one socket. The first comes only after the callback that started the socket has returned. */
export interface SocketEvents {
  /**
   * Bytes came from the client in this order, never none. They are good until the call returns: the memory is overwritten by
   * whatever is read next, from any client. Not called while the socket is paused, even if it was paused in this very callback.
   * After {@link NetworkSocket.end} there may be more calls, after {@link NetworkSocket.destroy} there are none.
   */
  onData(bytes: Uint8Array): void;
  /** The client has ended its side: no more bytes come, and it may still read. Once at most, and not while paused. */
  onInputEnd(): void;
  /** A socket that was {@link NetworkSocket.isBackedUp} has written everything. */
  onDrained(): void;
  /**
   * The connection is closed, in whatever way. Exactly once, and the last call. Of a client that went away while the socket
   * is paused, it may come only once the socket is resumed or written to.
   */
  onGone(): void;
}

/** One client's connection. It is read from when it is started, unless it is paused. */
export interface NetworkSocket {
  /** Where the client connects from, and the address of ours that it connected to. */
  readonly from: ClientAddress;
  readonly reached: ClientAddress;
  /** Its client is in this process, and sends together what it has to send. */
  readonly isInProcess?: boolean;
  /** Bytes that were handed out. */
  readonly bytesRead: number;
  /** Bytes that were handed to {@link write}. */
  readonly bytesWritten: number;
  /** Unwritten bytes: those that the operating system has not taken. It may take all of them within {@link write}. */
  readonly unwrittenBytes: number;
  /**
   * Enough is unwritten that more should wait for {@link SocketEvents.onDrained}, which follows in any case unless the
   * connection is closed first. True after each write that leaves `MAX_UNWRITTEN_BYTES` (limits.ts) or more; an
   * implementation may be backed up with less.
   */
  readonly isBackedUp: boolean;

  /** Hands the socket over to whom it tells what happens. Called once, by whoever accepted it and before that returns. */
  start(events: SocketEvents): void;
  /**
   * Stops reading: what the client sends stays with the operating system, and so does the news of its end. No effect
   * while paused.
   */
  pause(): void;
  /** Reads on. No effect while not paused. */
  resume(): void;
  /**
   * Writes bytes after those written before. They must not change until they are written. No effect after {@link end} or
   * {@link destroy}.
   */
  write(bytes: Uint8Array): void;
  /** Closes the connection once everything is written, however paused. No effect when called again. */
  end(): void;
  /** Closes the connection at once; what is not written is lost. No effect when called again. */
  destroy(): void;
}
