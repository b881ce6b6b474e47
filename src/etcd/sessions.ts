/**
 * Opens and closes clients' sessions, and keeps those alive that are used. A session has a lease of etcd and ends with it, and
 * all that is kept of it.
 *
 * Renewing a lease with each command would double what etcd has to do. So it lives a quarter longer than its session is to, and
 * is renewed by a command that comes an eighth of that time after the last renewal, or later.
 */

import type { Environment } from '../environment.js';
import {
  MAX_KNOWN_SESSIONS,
  READ_TIMEOUT_MS,
  SESSION_COUNT_PAUSE_MS,
  SESSIONS_ENDED_AT_ONCE,
} from '../etcd-limits.js';
import type { SessionResult } from '../protocol/command.js';
import { MAX_SESSIONS } from '../session-limits.js';
import { EtcdRefusalError } from './etcd-errors.js';
import type { EtcdNames } from './etcd-names.js';
import type { EtcdTransport } from './etcd-transport.js';
import { patiently } from './patience.js';
import { Lease } from './rpc/messages.js';
import { decodeSession, encodeSession, type SessionRecord, sessionName } from './session-records.js';

const MS_PER_S = 1000;

/** A lease's time, and after which part of a session's time it is renewed. */
const LEASE_SHARE = 1.25;
const RENEWAL_SHARE = 0.125;

/** Base of the numbers in an id, and how many are drawn for one. */
const ID_BASE = 36;
const ID_DRAWS = 2;

export interface SessionsOptions {
  readonly environment: Environment;
  readonly transport: EtcdTransport;
  readonly names: EtcdNames;
}

export class Sessions {
  readonly #options: SessionsOptions;
  /** When the leases of sessions were renewed last, in ms of the environment's clock. */
  readonly #renewedMs = new Map<bigint, number>();
  #countedMs = Number.NEGATIVE_INFINITY;

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  /** Rejects as EtcdTransport does. After an EtcdNoAnswerError there may be one that nobody uses, until its lease is over. */
  async open(ttlS: number): Promise<SessionResult> {
    const { transport, names } = this.#options;
    await this.#endTooMany();
    const TTL = BigInt(Math.ceil(ttlS * LEASE_SHARE));
    while (true) {
      const { ID: lease } = await transport.call(Lease.leaseGrant, { TTL }, READ_TIMEOUT_MS);
      const id = this.#newId();
      const name = sessionName(id);
      const value = encodeSession({ lease, ttlS, done: 0 });
      const absent = new Map([[name, 0]]);
      const opened = await names.commit(absent, [{ type: 'put', name, value, lease }], READ_TIMEOUT_MS);
      if (opened !== undefined) return { type: 'session', id };
    }
  }

  /** Rejects as EtcdTransport does. */
  async close(id: string): Promise<SessionResult> {
    const { environment, names } = this.#options;
    const name = sessionName(id);
    const found = (await patiently(environment, () => names.read([name]))).get(name);
    if (found !== undefined) await this.#revoke(decodeSession(found.value).lease);
    return { type: 'session-closed' };
  }

  /** A command of the session came: it lives on for its time from now. */
  used({ lease, ttlS }: SessionRecord): void {
    const { environment, transport } = this.#options;
    const nowMs = environment.nowMs();
    const renewedMs = this.#renewedMs.get(lease) ?? Number.NEGATIVE_INFINITY;
    if (nowMs - renewedMs < ttlS * MS_PER_S * RENEWAL_SHARE) return;
    this.#renewedMs.delete(lease);
    this.#renewedMs.set(lease, nowMs);
    for (const oldest of this.#renewedMs.keys()) {
      if (this.#renewedMs.size <= MAX_KNOWN_SESSIONS) break;
      this.#renewedMs.delete(oldest);
    }
    // If it fails, the next command renews it: until then the time has to last that the lease has more than the session.
    transport.keepAlive(lease, READ_TIMEOUT_MS).catch(() => this.#renewedMs.delete(lease));
  }

  /** Ends some of those that were used longest ago, if there are too many; asks how many there are only now and then. */
  async #endTooMany(): Promise<void> {
    const { environment, names } = this.#options;
    const nowMs = environment.nowMs();
    if (nowMs - this.#countedMs < SESSION_COUNT_PAUSE_MS) return;
    this.#countedMs = nowMs;
    if ((await names.count(sessionName(''))) < MAX_SESSIONS) return;
    for (const { value } of await names.oldest(sessionName(''), SESSIONS_ENDED_AT_ONCE))
      await this.#revoke(decodeSession(value).lease);
    this.#countedMs = Number.NEGATIVE_INFINITY;
  }

  /** Ends the lease, if it is there, and with it all that it keeps. */
  async #revoke(lease: bigint): Promise<void> {
    const { environment, transport } = this.#options;
    try {
      await patiently(environment, () => transport.call(Lease.leaseRevoke, { ID: lease }, READ_TIMEOUT_MS));
    } catch (error) {
      if (!(error instanceof EtcdRefusalError && error.isLeaseGone)) throw error;
    }
  }

  #newId(): string {
    const { environment } = this.#options;
    const drawn = Array.from({ length: ID_DRAWS }, () =>
      Math.floor(environment.random() * Number.MAX_SAFE_INTEGER).toString(ID_BASE),
    );
    return drawn.join('-');
  }
}
