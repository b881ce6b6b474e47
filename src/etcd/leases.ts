/**
 * Leases of etcd, which remove keys that nobody has found since their deadlines. They are shared: a lease takes keys whose
 * deadlines are about the same. That a key is past its deadline is never told by its lease, which may end much later.
 */

import {
  LEASE_GRACE_S,
  MAX_KEYS_OF_LEASE,
  MAX_LEASE_S,
  MAX_OPEN_LEASES,
  READ_TIMEOUT_MS,
} from '../etcd-limits.js';
import type { EtcdTransport } from './etcd-transport.js';
import { Lease } from './rpc/messages.js';

const MS_PER_S = 1000;

/** A lease ends no later after {@link LEASE_GRACE_S} than this share of the time that the key has left, and two seconds. */
const LATE_SHARE = 0.1;
const LATE_MS = 2 * MS_PER_S;

interface Granted {
  readonly id: bigint;
  /** In ms since the epoch: not before. */
  readonly endMs: number;
  /** How many more keys it takes. */
  left: number;
}

export class Leases {
  readonly #transport: EtcdTransport;
  /** Those that take more keys, the oldest first. */
  #open: Granted[] = [];

  constructor(transport: EtcdTransport) {
    this.#transport = transport;
  }

  /**
   * A lease for a key with this deadline, in ms since the epoch; undefined where that is so far that etcd has no lease for it.
   * Rejects as EtcdTransport does.
   */
  async take(deadlineMs: number, nowMs: number): Promise<bigint | undefined> {
    const earliestMs = deadlineMs + LEASE_GRACE_S * MS_PER_S;
    const latestMs = earliestMs + LATE_MS + (earliestMs - nowMs) * LATE_SHARE;
    if (latestMs - nowMs > MAX_LEASE_S * MS_PER_S) return undefined;
    let lease = this.#open.find(({ endMs }) => endMs >= earliestMs && endMs <= latestMs);
    if (lease === undefined) {
      const middleMs = (earliestMs + latestMs) / 2;
      lease = await this.#grant(Math.ceil((middleMs - nowMs) / MS_PER_S), nowMs);
      this.#open.push(lease);
      if (this.#open.length > MAX_OPEN_LEASES) this.#open.shift();
    }
    lease.left -= 1;
    if (lease.left <= 0) this.#open = this.#open.filter((one) => one !== lease);
    return lease.id;
  }

  /** A lease was over before its time: none of them is attached to a key any more. */
  forget(): void {
    this.#open = [];
  }

  async #grant(ttlS: number, nowMs: number): Promise<Granted> {
    const { ID } = await this.#transport.call(Lease.leaseGrant, { TTL: BigInt(ttlS) }, READ_TIMEOUT_MS);
    return { id: ID, endMs: nowMs + ttlS * MS_PER_S, left: MAX_KEYS_OF_LEASE };
  }
}
