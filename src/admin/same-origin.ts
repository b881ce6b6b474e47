/**
 * Who may change the state of the cluster: anyone who can reach the port, except a web page from elsewhere in somebody's
 * browser.
 *
 * A browser says in `Origin` which page a POST comes from. A page that points its own name at this address (DNS
 * rebinding) names itself in both `Origin` and `Host`, so a name in `Host` is only trusted if it cannot be rebound: an
 * address, or localhost.
 */

import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import { HttpError } from './http-error.js';

/** Throws HttpError 403 for a request that a foreign page may have made. */
export function checkSource({ host, origin }: IncomingHttpHeaders): void {
  if (host === undefined || !isUnforgeable(host))
    throw new HttpError(403, `the host ${host} is not served here`);
  if (origin !== undefined && origin !== `http://${host}`)
    throw new HttpError(403, `the origin ${origin} is foreign`);
}

function isUnforgeable(host: string): boolean {
  const name = URL.canParse(`http://${host}`)
    ? new URL(`http://${host}`).hostname.replace(/^\[|\]$/g, '')
    : '';
  return name === 'localhost' || isIP(name) !== 0;
}
