/**
 * Requests to etcd by gRPC. What was not sent is tried at each endpoint; what may have been sent is never sent again, and the
 * library below sends nothing twice by itself.
 */

import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { READ_TIMEOUT_MS } from '../../etcd-limits.js';
import { EtcdNoAnswerError } from '../etcd-errors.js';
import type { EtcdTransport, EtcdWatch } from '../etcd-transport.js';
import { Auth, Lease, type WatchStart } from '../rpc/messages.js';
import { type Endpoint, type EndpointOptions, Endpoints } from './endpoints.js';
import { errorOf, isTokenOver } from './grpc-errors.js';
import { GrpcWatch } from './grpc-watch.js';
import { callUnary } from './unary-call.js';

export interface GrpcTransportOptions extends EndpointOptions {
  readonly user?: { readonly name: string; readonly password: string };
}

/** Has a member refuse what it cannot do since it knows no leader. */
const WITH_LEADER = { hasleader: 'true' };

export class GrpcTransport implements EtcdTransport {
  readonly #endpoints: Endpoints;
  readonly #user: GrpcTransportOptions['user'];
  /** What tells etcd who asks, once it has given it. */
  #token: string | undefined;

  constructor(options: GrpcTransportOptions) {
    this.#endpoints = new Endpoints(options);
    this.#user = options.user;
  }

  call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    timeoutMs: number,
  ): Promise<MessageShape<O>> {
    return this.#known(timeoutMs, (headers) => this.#callAnywhere(method, request, headers, timeoutMs));
  }

  keepAlive(lease: bigint, timeoutMs: number): Promise<number> {
    return this.#known(timeoutMs, (headers) =>
      this.#endpoints.use((endpoint) => keepAliveAt(endpoint, lease, headers, timeoutMs)),
    );
  }

  watch(start: WatchStart): EtcdWatch {
    return new GrpcWatch(start, {
      endpoints: this.#endpoints,
      headers: () => this.#known(READ_TIMEOUT_MS, async (headers) => headers),
      forgetToken: () => {
        this.#token = undefined;
      },
    });
  }

  close(): void {
    this.#endpoints.close();
  }

  /** Calls with headers that tell etcd who asks. */
  async #known<Answer>(
    timeoutMs: number,
    call: (headers: Record<string, string>) => Promise<Answer>,
  ): Promise<Answer> {
    if (this.#user === undefined) return call(WITH_LEADER);
    this.#token ??= await this.#authenticate(this.#user, timeoutMs);
    try {
      return await call({ ...WITH_LEADER, token: this.#token });
    } catch (error) {
      // Nothing was done.
      if (!isTokenOver(error)) throw error;
      this.#token = await this.#authenticate(this.#user, timeoutMs);
      return call({ ...WITH_LEADER, token: this.#token });
    }
  }

  async #authenticate(user: { name: string; password: string }, timeoutMs: number): Promise<string> {
    this.#token = undefined;
    return (await this.#callAnywhere(Auth.authenticate, user, WITH_LEADER, timeoutMs)).token;
  }

  #callAnywhere<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    headers: Record<string, string>,
    timeoutMs: number,
  ): Promise<MessageShape<O>> {
    return this.#endpoints.use(async ({ url, connection }) => {
      try {
        return await callUnary(connection, method, request, { headers, timeoutMs: Math.ceil(timeoutMs) });
      } catch (error) {
        throw errorOf(error, url);
      }
    });
  }
}

/** A stream for one question and its answer: a connection that is lost unnoticed cannot keep the next one waiting. */
async function keepAliveAt(
  { url, transport }: Endpoint,
  lease: bigint,
  headers: Record<string, string>,
  timeoutMs: number,
): Promise<number> {
  const ending = new AbortController();
  async function* question() {
    yield { ID: lease };
  }
  try {
    const answers = await transport.stream(
      Lease.leaseKeepAlive,
      ending.signal,
      Math.ceil(timeoutMs),
      headers,
      question(),
    );
    for await (const { TTL } of answers.message) return Number(TTL);
  } catch (error) {
    throw errorOf(error, url);
  } finally {
    ending.abort();
  }
  throw new EtcdNoAnswerError(`${url}: the answer about a lease is missing`);
}
