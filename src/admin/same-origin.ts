/**
 * Who may look into the cluster and change its state: anyone who can reach the port, except a web page from elsewhere in
 * somebody's browser.
 *
 * A browser tells in `Origin` which page a POST comes from. A page that points its own name at this address (DNS
 * rebinding) names itself in both `Origin` and `Host`. So a name in `Host` is trusted only if nobody else can own it:
 * an address, localhost, or a name that the operator gave.
 */

import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { HttpError } from './http-error.js';
import { isRead, pathOf } from './target.js';

/** Monitoring may know this machine by any name, and these answers are no secret. */
const ANSWERED_UNDER_ANY_NAME = new Set(['/metrics', '/healthz']);

/** As it is written, not as a parser of URLs reads it: `evil@127.0.0.1` and `0x7f.1` are names that an attacker could own. */
const HOST = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9a-zA-Z._-]+))(?::\d{1,5})?$/;

/**
 * Throws HttpError 403 for a request that a foreign page may have made, and 400 for one of HTTP/1.1 that names no host, any
 * that names two (RFC 9112, 3.2), or whose `Host` is more than a host and a port.
 */
export function checkSource(
  request: Pick<IncomingMessage, 'headers' | 'headersDistinct' | 'httpVersion' | 'method' | 'url'>,
  ownNames: ReadonlySet<string>,
  scheme: 'http' | 'https' = 'http',
): void {
  const { host, origin } = request.headers;
  const { host: hosts = [] } = request.headersDistinct;
  if (host === undefined && request.httpVersion === '1.1')
    throw new HttpError(400, 'the request names no host');
  // A proxy on the way may have gone by the other one.
  if (hosts.length > 1) throw new HttpError(400, 'the request names its host twice');
  const name = host === undefined ? undefined : nameIn(host);
  if (isRead(request) && ANSWERED_UNDER_ANY_NAME.has(pathOf(request))) return;
  if (name === undefined) throw new HttpError(403, 'the request names no host');
  if (!(name === 'localhost' || isIP(name) !== 0 || ownNames.has(name)))
    throw new HttpError(403, `the host ${host} is not served here: use an address, or --advertise-host`);
  if (origin !== undefined && origin !== `${scheme}://${host}`)
    throw new HttpError(
      403,
      `the origin ${origin} is foreign: only pages from ${scheme}://${host} may do this`,
    );
}

/** The host without its port, and an IPv6 address without its brackets. Throws HttpError 400 if it is neither. */
function nameIn(host: string): string {
  const [, address, name] = HOST.exec(host) ?? [];
  if (address !== undefined) return address;
  if (name === undefined) throw new HttpError(400, 'the header Host is not a host with or without a port');
  return name.toLowerCase();
}
