/**
 * Cursors of SCAN. A cursor is a number that stands for a key, the last one that was gone through. Which key is in etcd, for an
 * hour: so any server can go on with it.
 */

import {
  CURSOR_LIFE_MS,
  MAX_ANSWER_BYTES,
  MAX_ATTEMPTS,
  MAX_KNOWN_CURSORS,
  READ_TIMEOUT_MS,
} from '../etcd-limits.js';
import { ContendedError, EtcdRefusalError } from './etcd-errors.js';
import type { EtcdTransport } from './etcd-transport.js';
import type { Leases } from './leases.js';

interface KnownCursor {
  readonly cursor: number;
  /** In ms since the epoch. */
  readonly renewMs: number;
}

export class ScanCursors {
  readonly #transport: EtcdTransport;
  readonly #leases: Leases;
  readonly #prefix: string;
  readonly #timeMs: () => number;
  /** Those that this server has given out, by their keys; the last one at the end. */
  readonly #known = new Map<string, KnownCursor>();

  /**
   * @param prefix of all that this program has in etcd
   * @param timeMs the time in ms since the epoch
   */
  constructor(transport: EtcdTransport, leases: Leases, prefix: string, timeMs: () => number) {
    this.#transport = transport;
    this.#leases = leases;
    this.#prefix = prefix;
    this.#timeMs = timeMs;
  }

  /** The key that the cursor stands for; undefined if it was never given out, or too long ago. Rejects as EtcdTransport does. */
  async keyOf(cursor: number): Promise<string | undefined> {
    const answer = await this.#call('/v3/kv/range', { key: this.#nameOf(cursor) });
    const [value] = valuesIn(answer);
    return value === undefined ? undefined : Buffer.from(value, 'base64').toString('latin1');
  }

  /** A cursor that stands for the key. Rejects as EtcdTransport does, and with ContendedError. */
  async cursorOf(key: string): Promise<number> {
    const nowMs = this.#timeMs();
    const known = this.#known.get(key);
    if (known !== undefined && nowMs < known.renewMs) return known.cursor;
    const lease = await this.#leases.take(nowMs + CURSOR_LIFE_MS, nowMs);
    let cursor = hash(key);
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
      const other = await this.#keep(cursor, key, lease);
      if (other === undefined) {
        this.#note(key, { cursor, renewMs: nowMs + CURSOR_LIFE_MS / 2 });
        return cursor;
      }
      // Another key has the same hash.
      if (other !== key) cursor += 1;
    }
    throw new ContendedError();
  }

  /** Has the cursor stand for the key, and returns undefined; or the key that it stands for already. */
  async #keep(cursor: number, key: string, lease: string | undefined): Promise<string | undefined> {
    const name = this.#nameOf(cursor);
    const value = base64(key);
    const put = { request_put: { key: name, value, ...(lease === undefined ? {} : { lease }) } };
    const found = await this.keyOf(cursor);
    const compare =
      found === key
        ? { key: name, target: 'VALUE', result: 'EQUAL', value }
        : { key: name, target: 'CREATE', result: 'EQUAL', create_revision: '0' };
    if (found !== undefined && found !== key) return found;
    try {
      const answer = await this.#call('/v3/kv/txn', { compare: [compare], success: [put] });
      return hasSucceeded(answer) ? undefined : key;
    } catch (error) {
      if (!(error instanceof EtcdRefusalError && error.isLeaseGone)) throw error;
      this.#leases.forget();
      return this.#keep(
        cursor,
        key,
        await this.#leases.take(this.#timeMs() + CURSOR_LIFE_MS, this.#timeMs()),
      );
    }
  }

  #note(key: string, known: KnownCursor): void {
    this.#known.delete(key);
    this.#known.set(key, known);
    if (this.#known.size <= MAX_KNOWN_CURSORS) return;
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest);
      return;
    }
  }

  #nameOf(cursor: number): string {
    return base64(`${this.#prefix}c/${cursor}`);
  }

  #call(path: string, body: object): Promise<unknown> {
    return this.#transport.call({ path, body, timeoutMs: READ_TIMEOUT_MS, maxBytes: MAX_ANSWER_BYTES });
  }
}

/** Of 48 bits and never 0, which is the cursor of the beginning (FNV-1a, twice). */
function hash(key: string): number {
  let high = 0x811c9dc5;
  let low = 0x050c5d1f;
  for (let at = 0; at < key.length; at += 1) {
    const byte = key.charCodeAt(at);
    high = Math.imul(high ^ byte, 0x01000193);
    low = Math.imul(low ^ byte ^ (at & 0xff), 0x01000193);
  }
  return (high >>> 0) * 2 ** 16 + (low >>> 16) + 1;
}

function valuesIn(answer: unknown): readonly string[] {
  const kvs = typeof answer === 'object' && answer !== null && 'kvs' in answer ? answer.kvs : undefined;
  return Array.isArray(kvs) ? kvs.map(({ value = '' }) => value) : [];
}

function hasSucceeded(answer: unknown): boolean {
  return typeof answer === 'object' && answer !== null && 'succeeded' in answer && answer.succeeded === true;
}

function base64(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('base64');
}
