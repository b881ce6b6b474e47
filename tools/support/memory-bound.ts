/**
 * How much memory the program may take: docs/architecture.md, "Bounds", says the same in words.
 */

import {
  MAX_INFLIGHT_PROPOSAL_BYTES,
  MAX_MODEST_UNREAD_REPLY_BYTES,
  MAX_TOTAL_UNANSWERED_BYTES,
  MAX_TOTAL_UNREAD_REPLY_BYTES,
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

/** V8 looks for buffers that are garbage, and have survived for a moment, after a thread has made so many bytes of them. */
const OLD_GARBAGE_BYTES = 64 * MIB;

/** What the garbage collector has not yet taken back, and holes in the memory that was. */
const GARBAGE_FACTOR = 1.5;

/** An idle connection: a socket, an assignment, and what of them the router keeps. */
const IDLE_CONNECTION_BYTES = 32 * 1024;

export interface Load {
  readonly servers: number;
  /** Connections that leave as much unanswered and unread as they may. */
  readonly greedyClients: number;
  readonly idleClients?: number;
  /** Keys, values and what holds them, on one server. */
  readonly storeBytes?: number;
}

export function memoryBoundBytes({ servers, greedyClients, idleClients = 0, storeBytes = 0 }: Load): number {
  const perServer = MAX_INFLIGHT_PROPOSAL_BYTES + LINK_BYTES * (servers - 1) + storeBytes;
  const unanswered = Math.min(greedyClients * MAX_UNANSWERED_BYTES, MAX_TOTAL_UNANSWERED_BYTES);
  const unread = Math.min(
    greedyClients * MAX_UNREAD_REPLY_BYTES,
    MAX_TOTAL_UNREAD_REPLY_BYTES + greedyClients * MAX_MODEST_UNREAD_REPLY_BYTES,
  );
  const threads = BASE_BYTES + (servers + 1) * OLD_GARBAGE_BYTES;
  const used = servers * perServer + COPIES * unanswered + unread;
  return threads + GARBAGE_FACTOR * used + idleClients * IDLE_CONNECTION_BYTES;
}
