/**
 * Cursors of SCAN. A cursor is a number that stands for a key, the last one that was gone through. Which key is in etcd, for an
 * hour: so any server can go on with it.
 */

import { CURSOR_LIFE_MS, MAX_ATTEMPTS, MAX_KNOWN_CURSORS, READ_TIMEOUT_MS } from '../etcd-limits.js';
import { ContendedError, EtcdRefusalError } from './etcd-errors.js';
import type { EtcdTransport } from './etcd-transport.js';
import type { Leases } from './leases.js';
import { KV, put, unchanged } from './rpc/messages.js';

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
    return (await this.#find(cursor))?.key;
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
  async #keep(cursor: number, key: string, lease = 0n): Promise<string | undefined> {
    const name = this.#nameOf(cursor);
    const found = await this.#find(cursor);
    if (found !== undefined && found.key !== key) return found.key;
    const request = {
      compare: [unchanged(name, found?.modRevision ?? 0n)],
      success: [put({ key: name, value: Buffer.from(key, 'latin1'), lease })],
    };
    try {
      const { succeeded } = await this.#transport.call(KV.txn, request, READ_TIMEOUT_MS);
      return succeeded ? undefined : key;
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

  async #find(cursor: number): Promise<{ readonly key: string; readonly modRevision: bigint } | undefined> {
    const { kvs } = await this.#transport.call(KV.range, { key: this.#nameOf(cursor) }, READ_TIMEOUT_MS);
    const [pair] = kvs;
    if (pair === undefined) return undefined;
    return { key: Buffer.from(pair.value).toString('latin1'), modRevision: pair.modRevision };
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

  #nameOf(cursor: number): Uint8Array {
    return Buffer.from(`${this.#prefix}c/${cursor}`, 'latin1');
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
