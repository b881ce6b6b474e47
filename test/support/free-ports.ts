/**
 * Ports that nobody uses, for tests that run side by side.
 *
 * A cluster's ports have to be known before it starts, and stay the same while a server is down. They are taken from
 * below the range that the operating system gives out by itself, so none is taken in between.
 */

import { createServer } from 'node:net';

const FIRST_PORT = 10_000;
const PORT_COUNT = 20_000;
const BLOCK_SIZE = 32;

let nextBlock = (process.pid * 37) % (PORT_COUNT / BLOCK_SIZE);

/** The first of {@link BLOCK_SIZE} consecutive ports that are free on 127.0.0.1. */
export async function freePorts(): Promise<number> {
  while (true) {
    const first = FIRST_PORT + nextBlock * BLOCK_SIZE;
    nextBlock = (nextBlock + 1) % (PORT_COUNT / BLOCK_SIZE);
    const ports = Array.from({ length: BLOCK_SIZE }, (_, offset) => first + offset);
    const areFree = await Promise.all(ports.map(isFree));
    if (areFree.every((free) => free)) return first;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
