/**
 * Reading all clients' sockets into the same memory.
 *
 * A socket by itself asks for 64 KiB before each read and gives most of it back after: for a client that sends one
 * command at a time, that is more work than the read. Node can do without for sockets that connect (`onread`), but not for
 * those that a server accepts. So the connection is moved to a socket of our own, in the way that Node's own server uses and
 * does not document: {@link probeSharedReads} tells whether this version of Node still has that way. The server that
 * accepted the connection goes on counting it as open.
 */

import assert from 'node:assert/strict';
import { type AddressInfo, connect, createServer, type OnReadOpts, type Server, Socket } from 'node:net';
import { MAX_READ_BYTES, SHORT_READ_BYTES } from '../../limits.js';

declare module 'node:net' {
  interface Socket {
    /** The connection as libuv knows it; null when the socket has none, undefined where Node calls it otherwise. */
    _handle: object | null | undefined;
  }

  interface SocketConstructorOpts {
    handle?: object | null;
    onread?: OnReadOpts;
  }
}

/** Makes the socket to use from one that was accepted in this turn. `onBytes` gets what comes, never nothing. */
export type ReadFrom = (accepted: Socket, onBytes: (bytes: Uint8Array) => void) => Socket;

/** One for all, since whoever is given bytes is done with them before the next are read. */
const MEMORY = Buffer.allocUnsafeSlow(MAX_READ_BYTES);
const SHORT_MEMORY = MEMORY.subarray(0, SHORT_READ_BYTES);

/** A socket with the accepted one's connection. It emits no 'data'; the next read overwrites the bytes. */
export const withSharedReads: ReadFrom = (accepted, onBytes) => {
  const { _handle: handle, allowHalfOpen } = accepted;
  assert(handle !== undefined, 'this version of Node shows no connection');
  accepted._handle = null;
  let room = SHORT_MEMORY;
  const callback = (byteCount: number): boolean => {
    onBytes(MEMORY.subarray(0, byteCount));
    // Of many clients that begin to send a lot, not much is read before it is known that they do.
    room = byteCount >= SHORT_READ_BYTES ? MEMORY : SHORT_MEMORY;
    return true;
  };
  const socket = new Socket({ handle, allowHalfOpen, onread: { buffer: () => room, callback } });
  assert(handle === null || socket._handle === handle, 'this version of Node moves no connection');
  return socket;
};

/** The accepted socket itself: the documented way. */
export const withOwnReads: ReadFrom = (accepted, onBytes) => accepted.on('data', onBytes);

const MESSAGE = 'ping';

/** Where the undocumented way works, nobody waits for this. */
const PROBE_MS = 1_000;

/**
 * Tries {@link withSharedReads} on a connection of its own, which takes a few milliseconds: bytes, pausing, a reply, and
 * the end.
 *
 * @param readFrom what to try in its place.
 * @returns undefined if it works, or why it does not.
 */
export async function probeSharedReads(readFrom: ReadFrom = withSharedReads): Promise<string | undefined> {
  const sockets: Socket[] = [];
  const server = createServer({ allowHalfOpen: true });
  let timer: NodeJS.Timeout | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${PROBE_MS} ms`)), PROBE_MS);
      server.once('error', reject);
      server.once('connection', (accepted) => {
        sockets.push(accepted);
        try {
          sockets.push(echoOnce(accepted, readFrom, reject));
        } catch (error) {
          reject(error);
        }
      });
      server.listen(0, '127.0.0.1', () => sockets.push(ping(server, resolve, reject)));
    });
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    clearTimeout(timer);
    for (const socket of sockets) socket.on('error', () => {}).destroy();
    server.close();
  }
}

/** The gateway's end: answers the message by itself, and closes once the other end has. */
function echoOnce(accepted: Socket, readFrom: ReadFrom, onFailure: (error: unknown) => void): Socket {
  const socket = readFrom(accepted, (bytes) => {
    socket.pause();
    socket.write(Uint8Array.from(bytes), () => socket.resume());
  });
  socket.once('error', onFailure);
  socket.once('end', () => socket.destroySoon());
  return socket;
}

/** The client's end: wants its message back, and then to see the connection closed. */
function ping(server: Server, onSuccess: () => void, onFailure: (error: unknown) => void): Socket {
  let echo = '';
  const client = connect({ host: '127.0.0.1', port: portOf(server.address()) }, () => client.write(MESSAGE));
  client.once('error', onFailure);
  client.on('data', (bytes) => {
    echo += bytes.toString('latin1');
    if (echo.length >= MESSAGE.length) client.end();
  });
  client.once('close', () => {
    if (echo === MESSAGE) onSuccess();
    else onFailure(new Error(`what was read is not what was sent`));
  });
  return client;
}

function portOf(address: AddressInfo | string | null): number {
  return address === null || typeof address === 'string' ? 0 : address.port;
}
