/**
 * Writes counting numbers to one key, and has every acknowledgement kept in the ledger.
 */

import { setTimeout as pause } from 'node:timers/promises';
import { DisconnectedError, type TextReply } from '../../support/text-client.js';
import type { Ledger } from './ledger.js';

/** Something that takes a write: a client of one port, or one that finds the leader. */
export interface WriteClient {
  set(key: string, value: string): Promise<TextReply>;
  close(): void;
}

export class Writer {
  readonly #key: string;
  readonly #ledger: Ledger;
  readonly #connect: () => Promise<WriteClient>;
  #client: WriteClient | undefined;
  #number = 0;

  /** @param connect called for the first write, and again after a connection ended */
  constructor(key: string, ledger: Ledger, connect: () => Promise<WriteClient>) {
    this.#key = key;
    this.#ledger = ledger;
    this.#connect = connect;
  }

  /**
   * Writes the next number, and the next, until the signal is aborted. An interrupted write still runs to its end.
   *
   * @param pauseMs between a reply and the next write
   * @param onAcknowledged called after each write that the cluster acknowledged
   */
  async keepWriting(
    signal: AbortSignal,
    pauseMs: number,
    onAcknowledged: () => void = () => undefined,
  ): Promise<void> {
    while (!signal.aborted) {
      const reply = await this.#send();
      if (reply?.type === 'OK') {
        this.#ledger.acknowledge(this.#key, reply.version, this.#number);
        onAcknowledged();
      }
      if (!signal.aborted) await pause(pauseMs);
    }
  }

  close(): void {
    this.#client?.close();
  }

  /** The reply, or undefined when there was none: nobody listens, or the connection ended first. */
  async #send(): Promise<TextReply | undefined> {
    this.#number += 1;
    try {
      this.#client ??= await this.#connect();
      return await this.#client.set(this.#key, `${this.#number}`);
    } catch (error) {
      this.#client?.close();
      this.#client = undefined;
      if (error instanceof DisconnectedError || isRefusal(error)) return undefined;
      throw error;
    }
  }
}

function isRefusal(error: unknown): boolean {
  return (
    error instanceof Error &&
    'code' in error &&
    (error.code === 'ECONNREFUSED' || error.code === 'ECONNRESET')
  );
}
