import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

/**
 * Ports that are free on the host. They are found before they are used, since servers tell clients of each other's
 * ports; that somebody else takes one in between is possible, and unlikely.
 */
export async function freePorts(host: string, count: number): Promise<number[]> {
  const holders = await Promise.all(Array.from({ length: count }, () => listen(host)));
  const ports = holders.map(portOf);
  await Promise.all(holders.map((holder) => once(holder.close(), 'close')));
  return ports;
}

async function listen(host: string): Promise<Server> {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  return server;
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('a TCP listener has no port');
  return address.port;
}
