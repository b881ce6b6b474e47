/** The admin API over TLS, and who must show a certificate there. */

import type { IncomingMessage, RequestListener, ServerOptions } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { TlsIdentity } from '../gateway/node/tls-identity.js';
import { TLS_HANDSHAKE_TIMEOUT_MS } from '../time-limits.js';
import { connectionOf } from './admin-connection.js';
import { HttpError } from './http-error.js';
import { isHealthCheck } from './target.js';

/**
 * With a CA, a client without a certificate is let in all the same, and {@link checkCertificate} looks at each request. So that
 * nobody who has come without one is taken for somebody who has shown one, nothing is resumed.
 */
export function secureServer(tls: TlsIdentity, options: ServerOptions, listener: RequestListener): Server {
  const rules = { resumes: !tls.asksClients };
  const server = createServer(
    {
      ...options,
      ...tls.contextOptions(rules),
      requestCert: tls.asksClients,
      rejectUnauthorized: false,
      handshakeTimeout: TLS_HANDSHAKE_TIMEOUT_MS,
    },
    listener,
  );
  server.on('connection', (socket: Socket) => socket.on('error', () => {}));
  server.on('tlsClientError', (_, socket) => socket.destroy());
  tls.keepUpToDate(server, rules);
  return server;
}

/** Throws HttpError 403 for a request whose client should have shown a certificate of the CA, and has not. */
export function checkCertificate(request: IncomingMessage, tls: TlsIdentity | undefined): void {
  if (tls?.asksClients !== true || isHealthCheck(request)) return;
  const { socket } = connectionOf(request);
  const isShown = socket instanceof TLSSocket && socket.authorized && !socket.isSessionReused();
  if (!isShown) throw new HttpError(403, 'a certificate of the CA is needed');
}
