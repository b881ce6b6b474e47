/**
 * A client of the text protocol that finds the leader: it follows redirects, and tries the next server when one is
 * gone.
 */

import { setTimeout as pause } from 'node:timers/promises';
import { TextClient, type TextReply } from './text-client.js';

/** What a server says when it does not send the client elsewhere. */
export type LeaderReply = Exclude<TextReply, { readonly type: 'ERR_REDIRECT' }>;

/** No server took the command in time. It was not carried out: whoever answered did so with a redirect. */
export class NoLeaderError extends Error {
  readonly code = 'NO_LEADER';

  constructor(timeoutMs: number) {
    super(`no server took the command within ${timeoutMs} ms: see who is up with GET /api/status`);
    this.name = 'NoLeaderError';
  }
}

const DEFAULT_TIMEOUT_MS = 10_000;

/** Between two attempts: long enough for others to get on with an election, short against its duration. */
const RETRY_PAUSE_MS = 1;

export class RedirectingClient {
  readonly #ports: readonly number[];
  readonly #timeoutMs: number;
  #port: number;
  #client: TextClient | undefined;

  /**
   * Connects with the first command.
   *
   * @param ports of the cluster's servers on 127.0.0.1, at least one
   * @param timeoutMs how long a command may look for a leader
   */
  constructor(ports: readonly number[], timeoutMs = DEFAULT_TIMEOUT_MS) {
    const [first] = ports;
    if (first === undefined) throw new RangeError('a client needs the port of at least one server');
    this.#ports = ports;
    this.#timeoutMs = timeoutMs;
    this.#port = first;
  }

  /** The port of the server that is asked next; after a reply, the one that gave it. */
  get port(): number {
    return this.#port;
  }

  /**
   * This, and each command below, resolves to the leader's reply. Rejects with {@link NoLeaderError}, or with
   * DisconnectedError when the connection ended first: the command may or may not have been carried out, so it is
   * the caller's to repeat.
   */
  set(key: string, value: string, exptimeS = 0): Promise<LeaderReply> {
    return this.#ask((client) => client.set(key, value, exptimeS));
  }

  cas(key: string, version: number, value: string, exptimeS = 0): Promise<LeaderReply> {
    return this.#ask((client) => client.cas(key, version, value, exptimeS));
  }

  get(key: string): Promise<LeaderReply> {
    return this.#ask((client) => client.get(key));
  }

  getm(key: string): Promise<LeaderReply> {
    return this.#ask((client) => client.getm(key));
  }

  delete(key: string): Promise<LeaderReply> {
    return this.#ask((client) => client.delete(key));
  }

  close(): void {
    this.#client?.close();
    this.#client = undefined;
  }

  async #ask(command: (client: TextClient) => Promise<TextReply>): Promise<LeaderReply> {
    const deadlineMs = performance.now() + this.#timeoutMs;
    while (performance.now() < deadlineMs) {
      const client = await this.#connected();
      if (client === undefined) {
        this.#turnTo(this.#nextPort());
        await pause(RETRY_PAUSE_MS);
        continue;
      }
      const reply = await this.#replyOf(command, client);
      if (reply.type !== 'ERR_REDIRECT') return reply;
      this.#turnTo(reply.port);
    }
    throw new NoLeaderError(this.#timeoutMs);
  }

  /** The next command asks another server when this one hangs up. */
  async #replyOf(
    command: (client: TextClient) => Promise<TextReply>,
    client: TextClient,
  ): Promise<TextReply> {
    try {
      return await command(client);
    } catch (error) {
      this.#turnTo(this.#nextPort());
      throw error;
    }
  }

  /** The connection to the current port, or undefined when nobody listens there. */
  async #connected(): Promise<TextClient | undefined> {
    if (this.#client?.isClosed) this.#client = undefined;
    this.#client ??= await TextClient.connect(this.#port).catch(() => undefined);
    return this.#client;
  }

  #turnTo(port: number): void {
    this.close();
    this.#port = port;
  }

  #nextPort(): number {
    const next = this.#ports[(this.#ports.indexOf(this.#port) + 1) % this.#ports.length];
    return next ?? this.#port;
  }
}
