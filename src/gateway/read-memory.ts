/**
 * Reading all clients' sockets into the same memory.
 *
 * A socket by itself asks for 64 KiB before each read and gives most of it back after: for a client that sends one
 * command at a time, that is more work than the read. Node can do without for sockets that connect (`onread`), but not for
 * those that a server accepts. So the connection is moved to a socket of our own, in the way that Node's own server uses and
 * does not document. The server that accepted it goes on counting it as open.
 */

import assert from 'node:assert/strict';
import { type OnReadOpts, Socket } from 'node:net';

declare module 'node:net' {
  interface Socket {
    /** The connection as libuv knows it; null when the socket has none. */
    _handle: object | null;
  }

  interface SocketConstructorOpts {
    handle?: object | null;
    onread?: OnReadOpts;
  }
}

/** A client that sends more is read several times in a turn. */
const READ_BYTES = 64 * 1024;

/** One for all, since whoever is given bytes is done with them before the next are read. */
const MEMORY = Buffer.allocUnsafeSlow(READ_BYTES);

/**
 * A socket with the connection of one that was accepted in this turn, which is of no use any more. It emits no 'data':
 * `onBytes` gets what comes, never nothing, in memory that the next read overwrites.
 */
export function withSharedReads(accepted: Socket, onBytes: (bytes: Uint8Array) => void): Socket {
  const { _handle: handle, allowHalfOpen } = accepted;
  accepted._handle = null;
  const callback = (byteCount: number): boolean => {
    onBytes(MEMORY.subarray(0, byteCount));
    return true;
  };
  const socket = new Socket({ handle, allowHalfOpen, onread: { buffer: MEMORY, callback } });
  assert(handle === null || socket._handle === handle, 'this version of Node moves no connection');
  return socket;
}
