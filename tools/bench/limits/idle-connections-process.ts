/**
 * Connections that have said something once and then nothing more, in a process of their own: it has file descriptors
 * of its own, and takes no time from the load generator. Opens as many as its parent says, and tells when it has; ends
 * with its parent.
 */

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** So many are connecting at a time. */
const AT_ONCE = 64;

interface Request {
  readonly port: number;
  /** How many there are to be: 0 closes all. */
  readonly count: number;
}

const sockets: Socket[] = [];

process.on('message', ({ port, count }: Request) => {
  resize(port, count).then(
    () => process.send?.({ open: sockets.length }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});

process.once('disconnect', () => process.exit());

async function resize(port: number, count: number): Promise<void> {
  await Promise.all(sockets.splice(count).map((socket) => once(socket.destroy(), 'close')));
  while (sockets.length < count) {
    const missing = Math.min(AT_ONCE, count - sockets.length);
    sockets.push(...(await Promise.all(Array.from({ length: missing }, () => open(port)))));
  }
}

async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.write('get idle\r\n');
  await once(socket, 'data');
  return socket;
}
