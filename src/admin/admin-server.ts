/**
 * The admin API: what the cluster is doing, and ways to disturb it, as JSON over HTTP.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Cluster } from '../cluster/cluster.js';
import { ListenError } from '../gateway/listener.js';
import { HttpError } from './http-error.js';
import { routes } from './routes.js';
import { checkSource } from './same-origin.js';

export interface AdminOptions {
  readonly host: string;
  readonly port: number;
}

const MAX_BODY_BYTES = 64 * 1024;

export class AdminServer {
  readonly #cluster: Cluster;
  readonly #options: AdminOptions;
  readonly #server: Server;

  constructor(cluster: Cluster, options: AdminOptions) {
    this.#cluster = cluster;
    this.#options = options;
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => sendError(response, error));
    });
  }

  /** Rejects with ListenError when the port cannot be had. */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error) => reject(new ListenError('admin API', this.#options, error)));
      this.#server.listen({ ...this.#options }, resolve);
    });
  }

  /** Refuses new requests and ends those that are open. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url ?? '/', 'http://admin');
    const matching = routes.flatMap((route) => {
      const match = route.path.exec(pathname);
      return match === null ? [] : [{ route, match }];
    });
    if (matching.length === 0) throw new HttpError(404, `there is nothing at ${pathname}`);
    const found = matching.find(({ route }) => route.method === request.method);
    if (found === undefined) {
      response.setHeader('Allow', matching.map(({ route }) => route.method).join(', '));
      throw new HttpError(405, `${request.method} is not allowed here`);
    }
    if (found.route.method === 'POST') checkSource(request.headers);
    const body = found.route.method === 'POST' ? await readJson(request) : undefined;
    const { status, body: reply } = await found.route.handle(this.#cluster, body, found.match[1]);
    send(response, status, reply);
  }
}

/** The request's body as JSON; undefined when there is none. */
async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let byteCount = 0;
  for await (const chunk of request) {
    if (!(chunk instanceof Buffer)) continue;
    byteCount += chunk.byteLength;
    if (byteCount > MAX_BODY_BYTES) throw new HttpError(413, `the body is over ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  if (byteCount === 0) return undefined;
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    throw new HttpError(400, 'the body is not JSON');
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Cache-Control': 'no-store',
  });
  response.end(text);
}

function sendError(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const { status, message } = HttpError.of(error);
  // What is left of an oversized body is not worth reading.
  if (status === 413) response.setHeader('Connection', 'close');
  send(response, status, { error: message });
}
