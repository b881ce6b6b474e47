/**
 * Ports that nobody uses, for tests that run side by side.
 *
 * A cluster's ports have to be known before it starts, and stay the same while a server is down. They are taken from
 * below the range that the operating system gives out by itself, so none is taken in between.
 */

import { connect, createServer, type Server } from 'node:net';

const FIRST_PORT = 10_000;
const PORT_COUNT = 20_000;
const BLOCK_SIZE = 32;

let nextBlock = (process.pid * 37) % (PORT_COUNT / BLOCK_SIZE);

/**
 * The first of {@link BLOCK_SIZE} - 1 consecutive ports that are free on 127.0.0.1. Nobody else is given them for as long
 * as this process lives, also while what the test runs there is down: the last port of the block is held meanwhile.
 */
export async function freePorts(): Promise<number> {
  while (true) {
    const first = FIRST_PORT + nextBlock * BLOCK_SIZE;
    nextBlock = (nextBlock + 1) % (PORT_COUNT / BLOCK_SIZE);
    const holder = await hold(first + BLOCK_SIZE - 1);
    if (holder === undefined) continue;
    const ports = Array.from({ length: BLOCK_SIZE - 1 }, (_, offset) => first + offset);
    const areFree = await Promise.all(ports.map(isFree));
    if (areFree.every((free) => free)) return first;
    holder.close();
  }
}

async function isFree(port: number): Promise<boolean> {
  const holder = await hold(port);
  await new Promise<void>((resolve) => (holder === undefined ? resolve() : holder.close(() => resolve())));
  return holder !== undefined;
}

/** Listens on the port without keeping the process alive; undefined when it is taken. */
function hold(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => resolve(server.unref()));
  });
}

/** Whether a client can connect there. */
export function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
