/**
 * The admin API: what the cluster is doing, and ways to disturb it, as JSON over HTTP.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { type Logger, pino } from 'pino';
import type { Cluster } from '../cluster/cluster.js';
import { ListenError } from '../gateway/listener.js';
import type { ClientAddress } from '../wire/control.js';
import { Assets } from './assets.js';
import { HttpError } from './http-error.js';
import { LIVE_HEADERS, LiveFeed } from './live/feed.js';
import { LoadSwitch } from './load.js';
import { type Route, routes, type WholeAnswer } from './routes.js';
import { checkSource } from './same-origin.js';

/** A longer body is refused with 413. */
export const MAX_BODY_BYTES = 64 * 1024;

/** Monitoring may know this machine by any name, and what it is told is no secret. */
const ANSWERED_UNDER_ANY_NAME = new Set(['/metrics', '/healthz']);

/** Where the build puts the dashboard. */
const WEB_DIRECTORY = new URL('../../web/', import.meta.url);

const JSON_CONTENT_TYPE = 'application/json; charset=utf-8';

export interface AdminEnvironment {
  /** Where failures that are nobody's fault outside are logged; nowhere unless given. */
  readonly logger?: Logger;
}

export class AdminServer {
  readonly #cluster: Cluster;
  readonly #logger: Logger;
  readonly #server: Server;
  readonly #assets = new Assets(WEB_DIRECTORY);
  readonly #load: LoadSwitch;
  readonly #feed: LiveFeed;
  /** Names by which the operator calls this machine: a `Host` that names one of them is not forged. */
  readonly #ownNames: ReadonlySet<string>;
  #address: ClientAddress;

  /** @param address where to listen; port 0 takes a free one */
  constructor(
    cluster: Cluster,
    address: ClientAddress,
    { logger = pino({ level: 'silent' }) }: AdminEnvironment = {},
  ) {
    const { host, advertiseHost } = cluster.options;
    this.#cluster = cluster;
    this.#feed = new LiveFeed(cluster, () => this.#load.view);
    this.#address = address;
    this.#logger = logger;
    this.#load = new LoadSwitch(logger);
    this.#ownNames = new Set([address.host, host, advertiseHost ?? host]);
    // A request without a host is refused by this server, in words: Node would do so without any.
    this.#server = createServer({ requireHostHeader: false }, (request, response) => {
      this.#answer(request, response).catch((error: unknown) => this.#refuse(response, error));
    });
  }

  /** Where it listens, once started. */
  get address(): ClientAddress {
    return this.#address;
  }

  /** Rejects with ListenError when the port cannot be had. */
  async start(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error) => reject(new ListenError('admin API', this.#address, error)));
      this.#server.listen({ ...this.#address }, resolve);
    });
    const bound = this.#server.address();
    if (bound !== null && typeof bound !== 'string') this.#address = { ...this.#address, port: bound.port };
  }

  /** Refuses new requests and cuts off those that are open. */
  async close(): Promise<void> {
    this.#feed.close();
    await this.#load.close();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    checkHostIsNamed(request);
    const pathname = pathOf(request.url ?? '/');
    if (!ANSWERED_UNDER_ANY_NAME.has(pathname)) checkSource(request.headers, this.#ownNames);
    const asset = isRead(request) ? this.#assets.find(pathname, request.headers) : undefined;
    if (asset !== undefined) {
      response.writeHead(200, asset.headers).end(asset.bytes);
      return;
    }
    const { route, id } = find(request, pathname, response);
    const body = route.method === 'POST' ? await readJson(request) : undefined;
    const answer = await route.handle({
      cluster: this.#cluster,
      feed: this.#feed,
      load: this.#load,
      id,
      body,
    });
    switch (answer.kind) {
      case 'whole':
        send(response, answer);
        return;
      case 'pieces':
        await sendPieces(response, answer.pieces);
        return;
      case 'live':
        if (request.method === 'HEAD') response.writeHead(200, LIVE_HEADERS).end();
        else answer.open(response);
        return;
    }
  }

  #refuse(response: ServerResponse, error: unknown): void {
    const { status, message } = HttpError.of(error);
    if (status === 500) this.#logger.error({ err: error }, 'admin call failed');
    // The client left, or there is no telling what it makes of half an answer.
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    // What is left of an oversized body is not worth reading.
    if (status === 413) response.setHeader('Connection', 'close');
    send(response, { kind: 'whole', status, body: { error: message } });
  }
}

function isRead({ method }: IncomingMessage): boolean {
  return method === 'GET' || method === 'HEAD';
}

/** The route for a request and the server's number in its path. Throws HttpError 404 or 405. */
function find(
  { method }: IncomingMessage,
  pathname: string,
  response: ServerResponse,
): { route: Route; id: number } {
  const allowed: string[] = [];
  for (const route of routes) {
    const match = route.path.exec(pathname);
    if (match === null) continue;
    if (route.method === method || (route.method === 'GET' && method === 'HEAD'))
      return { route, id: Number(match[1]) };
    allowed.push(...(route.method === 'GET' ? ['GET', 'HEAD'] : [route.method]));
  }
  if (allowed.length === 0) throw new HttpError(404, `there is nothing at ${pathname}`);
  response.setHeader('Allow', allowed.join(', '));
  throw new HttpError(405, `${method} is not allowed here: use ${allowed.join(' or ')}`);
}

/** Throws HttpError 400 as RFC 9112 (3.2) has it. Before HTTP/1.1 a request need not name a host. */
function checkHostIsNamed({ headers, httpVersion }: IncomingMessage): void {
  if (headers.host === undefined && httpVersion === '1.1')
    throw new HttpError(400, 'the request names no host');
}

/** The path in a request's target, which is a path or, as proxies are asked, a whole URL. */
function pathOf(target: string): string {
  // Joined, not resolved: in a path that begins with two slashes a host's name would be looked for.
  const url = target.startsWith('/') ? `http://admin${target}` : target;
  if (!URL.canParse(url)) throw new HttpError(400, `${target} is neither a path nor a URL`);
  return new URL(url).pathname;
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

function send(
  response: ServerResponse,
  { status, body, contentType = JSON_CONTENT_TYPE }: WholeAnswer,
): void {
  const text = typeof body === 'string' ? body : `${JSON.stringify(body)}\n`;
  response.writeHead(status, {
    'Content-Type': contentType,
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  });
  response.end(text);
}

/** Rejects when the client leaves first. */
async function sendPieces(response: ServerResponse, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Cache-Control': 'no-store' });
  await pipeline(pieces, response);
}
