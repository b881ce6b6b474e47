/**
 * How much memory the program may take: docs/architecture.md, "Bounds", says the same in words.
 */

import { DEFAULT_OPTIONS } from '../../src/cluster/options.js';
import {
  MAX_INFLIGHT_PROPOSAL_BYTES,
  MAX_TOTAL_UNANSWERED_BYTES,
  MAX_UNANSWERED_BYTES,
  MAX_UNREAD_REPLY_BYTES,
} from '../../src/limits.js';

const MIB = 1024 * 1024;

/** The program with nothing to do, and with its code compiled. */
const BASE_BYTES = 192 * MIB;

/** What is on its way to one follower. */
const LINK_BYTES = 16 * MIB;

/** A buffer that grows is up to twice as long as what is in it; the router has one for each client, and a server another. */
const COPIES = 4;

/** What the garbage collector has not yet taken back. */
const GARBAGE_FACTOR = 1.5;

/** An idle connection: a socket, a session, and what of them the router keeps. */
const IDLE_CONNECTION_BYTES = 32 * 1024;

export interface Load {
  readonly servers: number;
  readonly snapshotLogBytes?: number;
  /** Connections that leave as much unanswered and unread as they may. */
  readonly greedyClients: number;
  readonly idleClients?: number;
  /** Keys, values and what holds them, on one server. */
  readonly storeBytes?: number;
}

export function memoryBoundBytes({
  servers,
  snapshotLogBytes = DEFAULT_OPTIONS.snapshotLogBytes,
  greedyClients,
  idleClients = 0,
  storeBytes = 0,
}: Load): number {
  const logBytes = 2 * snapshotLogBytes + MAX_INFLIGHT_PROPOSAL_BYTES;
  const perServer = logBytes + LINK_BYTES * (servers - 1) + storeBytes;
  const unanswered = Math.min(greedyClients * MAX_UNANSWERED_BYTES, MAX_TOTAL_UNANSWERED_BYTES);
  const clients = COPIES * unanswered + greedyClients * MAX_UNREAD_REPLY_BYTES;
  return BASE_BYTES + GARBAGE_FACTOR * (servers * perServer + clients) + idleClients * IDLE_CONNECTION_BYTES;
}
