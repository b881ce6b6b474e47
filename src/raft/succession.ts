/**
 * In which order servers campaign when their leader has ended: around the ring of their ids, beginning behind its own.
 */

import type { ServerId } from './types.js';

/** The server's place in that order, from 0 on: 0 is the first heir's. */
export function rankOf(server: ServerId, deadLeader: ServerId, servers: readonly ServerId[]): number {
  const places = servers.indexOf(server) - servers.indexOf(deadLeader);
  return ((places + servers.length) % servers.length) - 1;
}
