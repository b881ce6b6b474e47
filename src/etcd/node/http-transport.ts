/**
 * Requests to etcd by its HTTP API with JSON, which each member of etcd serves on its client port.
 *
 * All go to one endpoint until that fails, and then to the next. What was not sent is tried at each endpoint; what may have been
 * sent is never sent again.
 */

import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { CONNECT_TIMEOUT_MS, MAX_ANSWER_BYTES } from '../../etcd-limits.js';
import {
  EtcdLongAnswerError,
  EtcdNoAnswerError,
  EtcdRefusalError,
  EtcdUnreachableError,
} from '../etcd-errors.js';
import type { EtcdCall, EtcdTransport } from '../etcd-transport.js';

export interface HttpTransportOptions {
  /** `http://host:port` or `https://host:port`, one or more. */
  readonly endpoints: readonly string[];
  readonly user?: { readonly name: string; readonly password: string };
  /** In PEM: certificates of authorities, and this client's own certificate with its key. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** Connections to one endpoint; as many calls may be under way. */
const MAX_SOCKETS = 16;

/** gRPC's numbers of errors that come without having done anything. */
const UNAUTHENTICATED = 16;
const NOTHING_DONE = new Set([3, 5, 6, 7, 8, 9, 11, 12, UNAUTHENTICATED]);

export class HttpTransport implements EtcdTransport {
  readonly #options: HttpTransportOptions;
  readonly #http = new HttpAgent({ keepAlive: true, maxSockets: MAX_SOCKETS });
  readonly #https: HttpsAgent;
  /** The endpoint that is asked, by its place among all. */
  #current = 0;
  /** What tells etcd who asks, once it has given it. */
  #token: string | undefined;

  constructor(options: HttpTransportOptions) {
    this.#options = options;
    const { ca, cert, key } = options;
    this.#https = new HttpsAgent({
      keepAlive: true,
      maxSockets: MAX_SOCKETS,
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert, key }),
    });
  }

  /** The endpoint that is asked. */
  get endpoint(): string {
    return this.#options.endpoints[this.#current] ?? '';
  }

  async call(call: EtcdCall): Promise<unknown> {
    const { user } = this.#options;
    if (user === undefined) return this.#callAnywhere(call);
    this.#token ??= await this.#authenticate(user, call.timeoutMs);
    try {
      return await this.#callAnywhere(call);
    } catch (error) {
      // A token ends after some minutes, or with the member that has given it. Nothing was done.
      if (!isTokenOver(error)) throw error;
      this.#token = await this.#authenticate(user, call.timeoutMs);
      return this.#callAnywhere(call);
    }
  }

  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }

  /** Tries one endpoint after the other, until one can be reached. */
  async #callAnywhere(call: EtcdCall): Promise<unknown> {
    const { length } = this.#options.endpoints;
    for (let tried = 1; ; tried += 1) {
      const asked = this.#current;
      try {
        return await this.#callAt(this.endpoint, call);
      } catch (error) {
        const isLost = error instanceof EtcdUnreachableError || error instanceof EtcdNoAnswerError;
        // Others may have found that out meanwhile.
        if (isLost && this.#current === asked) this.#current = (asked + 1) % length;
        if (!(error instanceof EtcdUnreachableError) || tried >= length) throw error;
      }
    }
  }

  async #authenticate({ name, password }: { name: string; password: string }, timeoutMs: number) {
    this.#token = undefined;
    const body = { name, password };
    const answer = await this.#callAnywhere({
      path: '/v3/auth/authenticate',
      body,
      timeoutMs,
      maxBytes: MAX_ANSWER_BYTES,
    });
    if (
      typeof answer === 'object' &&
      answer !== null &&
      'token' in answer &&
      typeof answer.token === 'string'
    )
      return answer.token;
    throw new EtcdRefusalError(UNAUTHENTICATED, 'etcd has given no token');
  }

  #callAt(endpoint: string, { path, body, timeoutMs, maxBytes }: EtcdCall): Promise<unknown> {
    const url = new URL(path, endpoint);
    const payload = JSON.stringify(body);
    const isSecure = url.protocol === 'https:';
    const headers = {
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(payload),
      ...(this.#token === undefined ? {} : { Authorization: this.#token }),
    };
    const agent = isSecure ? this.#https : this.#http;
    return new Promise((resolve, reject) => {
      const request = (isSecure ? requestHttps : requestHttp)(url, { method: 'POST', agent, headers });
      let isSent = false;
      const fail = (error: Error) => {
        clearTimeout(connecting);
        clearTimeout(deadline);
        request.destroy();
        reject(error);
      };
      const lost = (reason: string) => {
        const told = `${endpoint}: ${reason}`;
        fail(isSent ? new EtcdNoAnswerError(told) : new EtcdUnreachableError(told));
      };
      const connecting = setTimeout(
        () => {
          if (!isSent) lost('it takes no connection');
        },
        Math.min(CONNECT_TIMEOUT_MS, timeoutMs),
      );
      const deadline = setTimeout(() => lost(`nothing within ${timeoutMs} ms`), timeoutMs);
      request.on('socket', (socket) => {
        if (!socket.connecting) isSent = true;
        else
          socket.once(isSecure ? 'secureConnect' : 'connect', () => {
            isSent = true;
          });
      });
      request.on('error', (error) => lost(error.message));
      request.on('response', (response) => {
        const chunks: Buffer[] = [];
        let byteCount = 0;
        response.on('data', (chunk: Buffer) => {
          byteCount += chunk.length;
          chunks.push(chunk);
          if (byteCount > maxBytes) fail(new EtcdLongAnswerError(maxBytes));
        });
        response.on('error', (error) => lost(error.message));
        response.on('aborted', () => lost('the answer broke off'));
        response.on('end', () => {
          clearTimeout(connecting);
          clearTimeout(deadline);
          const read = readAnswer(response, Buffer.concat(chunks).toString(), endpoint);
          if (read instanceof Error) reject(read);
          else resolve(read.answer);
        });
      });
      request.end(payload);
    });
  }
}

/** What the answer says, or what is wrong with it or by it. */
function readAnswer(
  { statusCode = 0 }: IncomingMessage,
  text: string,
  endpoint: string,
): { readonly answer: unknown } | Error {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    return new EtcdNoAnswerError(`${endpoint} answers ${statusCode} without JSON: is it etcd's client port?`);
  }
  if (statusCode === 200) return { answer };
  const status = numberIn(answer, 'code');
  const reason = textIn(answer, 'message') ?? textIn(answer, 'error') ?? `status ${statusCode}`;
  return status !== undefined && NOTHING_DONE.has(status)
    ? new EtcdRefusalError(status, reason)
    : new EtcdNoAnswerError(`${endpoint}: ${reason}`);
}

function isTokenOver(error: unknown): boolean {
  if (!(error instanceof EtcdRefusalError)) return false;
  return error.status === UNAUTHENTICATED || error.message.includes('user name is empty');
}

function numberIn(answer: unknown, name: string): number | undefined {
  const value = memberOf(answer, name);
  return typeof value === 'number' ? value : undefined;
}

function textIn(answer: unknown, name: string): string | undefined {
  const value = memberOf(answer, name);
  return typeof value === 'string' ? value : undefined;
}

function memberOf(answer: unknown, name: string): unknown {
  return typeof answer === 'object' && answer !== null
    ? Object.entries(answer).find(([key]) => key === name)?.[1]
    : undefined;
}
