/**
 * The admin API's port: what the cluster is doing, and ways to disturb it, as JSON over HTTP, and the dashboard.
 */

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Server as SecureServer } from 'node:https';
import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { type Logger, pino } from 'pino';
import type { Cluster } from '../cluster/cluster.js';
import { MAX_ADMIN_CONNECTIONS } from '../connection-limits.js';
import { AddressShares } from '../gateway/address-shares.js';
import { ListenError } from '../gateway/listener.js';
import type { ClientAddress } from '../wire/control.js';
import { AdminConnection } from './admin-connection.js';
import { ADMIN_TIMEOUTS, MAX_HEADER_BYTES } from './admin-limits.js';
import { Admission, kindOf } from './admission.js';
import type { AdminListener } from './app.js';
import { Assets } from './assets.js';
import { leaveAfterLongBody } from './farewell.js';
import { Guard } from './guard.js';
import { HttpError, JSON_HEADERS, jsonText } from './http-error.js';
import { LiveFeed } from './live/feed.js';
import { LoadSwitch } from './load.js';
import { loadModule, requireDescriptors } from './loading.js';
import { OwnTurns } from './own-turns.js';
import { checkSource } from './same-origin.js';
import { checkCertificate, secureServer } from './secure-server.js';

/** The slowest imports of the application, and Node's classes of fetch, which are loaded at their first use. */
const PIECES: readonly (() => unknown)[] = [
  () => globalThis.Request,
  ...['hono', '@hono/node-server', 'valibot', 'prom-client'].map((name) => () => loadModule(name)),
];
const PIECE_PAUSE_MS = 50;

/** Where the build puts the dashboard. */
const WEB_DIRECTORY = new URL('../../web/', import.meta.url);

export interface AdminEnvironment {
  /** Where unforeseen failures are logged; nowhere unless given. */
  readonly logger?: Logger;
  /** In ms, in place of {@link ADMIN_TIMEOUTS}. */
  readonly timeouts?: typeof ADMIN_TIMEOUTS;
}

export class AdminServer {
  readonly #cluster: Cluster;
  readonly #logger: Logger;
  readonly #server: Server | SecureServer;
  readonly #assets = new Assets(WEB_DIRECTORY);
  readonly #loadSwitch: LoadSwitch;
  readonly #feed: LiveFeed;
  /** Names by which the operator calls this machine: a `Host` that is one of them is not forged. */
  readonly #ownNames: ReadonlySet<string>;
  readonly #admission = new Admission();
  readonly #guard: Guard;
  /** Beneath TLS, if that is spoken, and from before the handshake on. */
  readonly #sockets = new Set<Socket>();
  readonly #connections = new AddressShares();
  #address: ClientAddress;
  #listener: AdminListener | undefined;

  /** @param address where to listen; port 0 takes a free one */
  constructor(
    cluster: Cluster,
    address: ClientAddress,
    { logger = pino({ level: 'silent' }), timeouts = ADMIN_TIMEOUTS }: AdminEnvironment = {},
  ) {
    const { host, advertiseHost } = cluster.options;
    this.#cluster = cluster;
    this.#feed = new LiveFeed(cluster, () => this.#loadSwitch.view);
    this.#address = address;
    this.#logger = logger;
    this.#loadSwitch = new LoadSwitch(logger, (events) => cluster.inProcess.connect(events));
    this.#guard = new Guard({
      access: cluster.security.access,
      port: () => this.#address.port,
      isAsset: (path) => this.#assets.has(path),
    });
    this.#ownNames = new Set([address.host, host, advertiseHost ?? host].map((name) => name.toLowerCase()));
    // Node would refuse a request without a host, too, but without a reason in JSON.
    const options = { requireHostHeader: false, maxHeaderSize: MAX_HEADER_BYTES, ...timeouts };
    const listener = (request: IncomingMessage, response: ServerResponse) => {
      this.#answer(request, response).catch(() => response.destroy());
    };
    const { tls } = cluster.security;
    this.#server = tls === undefined ? createServer(options, listener) : secureServer(tls, options, listener);
    parseLittleAtATime(this.#server, tls === undefined ? 'connection' : 'secureConnection');
    // Node would answer at once and by itself what expects anything but a 100.
    this.#server.on('checkExpectation', listener);
    // It would pass over all headers after the 2,000th; their bytes are limited anyway.
    this.#server.maxHeadersCount = 0;
    this.#server.prependListener('connection', (socket: Socket) => this.#connected(socket));
    this.#server.timeout = timeouts.answerTimeout;
    this.#server.on('timeout', (socket: Socket) => {
      // Nothing came or went, and no call is waited for.
      if (socket.writableLength > 0 || !this.#admission.isAnswering(socket)) socket.destroy();
    });
  }

  /** Where it listens, once started. */
  get address(): ClientAddress {
    return this.#address;
  }

  /** Rejects with ListenError when the port cannot be had. */
  async start(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const refuse = (error: Error) => reject(new ListenError('admin API', this.#address, error));
      this.#server.once('error', refuse);
      this.#server.listen({ ...this.#address }, () => {
        this.#server.off('error', refuse);
        // A connection could not be accepted, for want of memory or descriptors. The next one may be.
        this.#server.on('error', (err) => this.#logger.warn({ err }, 'the admin API accepts no connection'));
        resolve();
      });
    });
    const bound = this.#server.address();
    if (bound !== null && typeof bound !== 'string') this.#address = { ...this.#address, port: bound.port };
  }

  /**
   * Loads what the first request needs, which takes a tenth of a second, in pieces: other work of the thread comes between
   * them. Without it, the first request waits for it, and all clients with it. Rejects with HttpError 503 for want of
   * descriptors.
   */
  async preload(): Promise<void> {
    for (const load of PIECES) {
      requireDescriptors();
      load();
      await pause(PIECE_PAUSE_MS, undefined, { ref: false });
    }
    this.#loaded();
  }

  /** Refuses new requests and cuts off those that are open. */
  async close(): Promise<void> {
    this.#feed.close();
    await this.#loadSwitch.close();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
      // Node does not count those that have yet to finish their handshake among them.
      for (const socket of this.#sockets) socket.destroy();
    });
  }

  #connected(socket: Socket): void {
    const { remoteAddress = '' } = socket;
    if (this.#connections.isFullFor(remoteAddress, MAX_ADMIN_CONNECTIONS)) {
      socket.destroy();
      return;
    }
    const leave = this.#connections.take(remoteAddress);
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      leave();
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { tls } = this.#cluster.security;
    leaveAfterLongBody(request, response);
    await this.#admission.serve(request.socket, {
      admit: async () => {
        checkSource(request, this.#ownNames, tls === undefined ? 'http' : 'https');
        checkCertificate(request, tls);
        await this.#guard.admit(request);
      },
      call: async () => {
        await this.#loaded()(request, response);
      },
      refuse: (error) => refuse(response, error),
      answered: async () => {
        if (!response.closed) await once(response, 'close');
      },
      kind: kindOf(request),
    });
  }

  /** What answers requests, loaded by whoever asks first. Throws HttpError 503 for want of descriptors. */
  #loaded(): AdminListener {
    this.#listener ??= this.#load();
    return this.#listener;
  }

  #load(): AdminListener {
    requireDescriptors();
    const { adminListener }: typeof import('./app.js') = loadModule('./app.js');
    return adminListener({
      cluster: this.#cluster,
      feed: this.#feed,
      load: this.#loadSwitch,
      assets: this.#assets,
      guard: this.#guard,
      logger: this.#logger,
    });
  }
}

/** Has the server see its connections as those of {@link AdminConnection}. */
function parseLittleAtATime(server: Server | SecureServer, event: 'connection' | 'secureConnection'): void {
  const turns = new OwnTurns();
  const listeners = server.listeners(event);
  server.removeAllListeners(event);
  server.on(event, (socket: Socket) => {
    const connection = new AdminConnection(socket, turns);
    for (const listener of listeners) listener.call(server, connection);
  });
}

function refuse(response: ServerResponse, error: unknown): void {
  const { status, message } = HttpError.of(error);
  const challenge = status === 401 ? { 'WWW-Authenticate': 'Bearer realm="threadraft"' } : {};
  response.writeHead(status, { ...JSON_HEADERS, ...challenge }).end(jsonText({ error: message }));
}
