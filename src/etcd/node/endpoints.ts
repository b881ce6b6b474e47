/**
 * Connections to members of etcd. All calls go to one member until it fails, and then to the next.
 */

import type { Transport } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { messageOf } from '../../error-message.js';
import { CONNECT_TIMEOUT_MS, MAX_ANSWER_BYTES, PING_PAUSE_MS, PING_TIMEOUT_MS } from '../../etcd-limits.js';
import { EtcdNoAnswerError, EtcdUnreachableError } from '../etcd-errors.js';

export interface EndpointOptions {
  /** `http://host:port` or `https://host:port`, one or more. */
  readonly endpoints: readonly string[];
  /** In PEM: certificates of authorities, and this client's own certificate with its key. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** A member of etcd, with which there is a connection. */
export interface Endpoint {
  readonly url: string;
  /** For streams. Single calls go by the connection itself: see unary-call.ts. */
  readonly transport: Transport;
  readonly connection: Http2SessionManager;
}

export class Endpoints {
  readonly #members: readonly Endpoint[];
  /** The member that is asked, by its place among all. */
  #current = 0;

  constructor({ endpoints, ca, cert, key }: EndpointOptions) {
    const identity = { ...(ca === undefined ? {} : { ca }), ...(cert === undefined ? {} : { cert, key }) };
    this.#members = endpoints.map((url) => {
      const connection = new Http2SessionManager(
        url,
        { pingIntervalMs: PING_PAUSE_MS, pingTimeoutMs: PING_TIMEOUT_MS },
        { ...identity, settings: { enablePush: false, initialWindowSize: MAX_ANSWER_BYTES } },
      );
      const transport = createGrpcTransport({
        baseUrl: url,
        sessionManager: connection,
        acceptCompression: [],
        readMaxBytes: MAX_ANSWER_BYTES,
        // Fields that nobody here has described are skipped.
        binaryOptions: { readUnknownFields: false },
      });
      return { url, connection, transport };
    });
  }

  /**
   * Resolves to what the call at a member resolves to. A call that has failed is made at the next one only if nothing was sent.
   * Rejects with EtcdUnreachableError if no member can be reached, else as the call does.
   */
  async use<Answer>(call: (endpoint: Endpoint) => Promise<Answer>): Promise<Answer> {
    for (let tried = 1; ; tried += 1) {
      const asked = this.#current;
      const member = this.#members[asked];
      if (member === undefined) throw new EtcdUnreachableError('there is no endpoint');
      try {
        await connected(member);
        return await call(member);
      } catch (error) {
        if (isLost(error)) this.leave(member);
        if (!(error instanceof EtcdUnreachableError) || tried >= this.#members.length) throw error;
      }
    }
  }

  /** Asks another member from now on, unless another is asked already. */
  leave({ url }: Pick<Endpoint, 'url'>): void {
    if (this.#members[this.#current]?.url === url) this.#current = (this.#current + 1) % this.#members.length;
  }

  close(): void {
    for (const { connection } of this.#members) connection.abort();
  }
}

export function isLost(error: unknown): boolean {
  return error instanceof EtcdUnreachableError || error instanceof EtcdNoAnswerError;
}

/** Resolves once there is a connection. */
async function connected({ url, connection }: Endpoint): Promise<void> {
  const state = connection.state();
  if (state === 'open' || state === 'idle') return;
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    connection.abort();
  }, CONNECT_TIMEOUT_MS);
  const reached = await connection.connect();
  clearTimeout(timer);
  if (isLate) throw new EtcdUnreachableError(`${url}: it takes no connection`);
  if (reached === 'error') throw new EtcdUnreachableError(`${url}: ${messageOf(connection.error())}`);
}
