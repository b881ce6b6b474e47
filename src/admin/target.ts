/**
 * What a request asks for. Those who decide whether it may be served and those who serve it read this and nothing else, so that
 * no request is one thing to the first and another to the second.
 */

import type { IncomingMessage } from 'node:http';
import { MAX_BODY_BYTES } from './admin-limits.js';

/** An absolute target is what a proxy sends (RFC 9112, 3.2.2). */
const SCHEME_AND_AUTHORITY = /^https?:\/\/[^/?#]*/i;

/** The path as the client has written it, without the query: nothing is decoded, and no `..` resolved. */
export function pathOf({ url = '' }: Pick<IncomingMessage, 'url'>): string {
  const [path = ''] = url.replace(SCHEME_AND_AUTHORITY, '').split(/[?#]/, 1);
  return path === '' ? '/' : path;
}

/** Whether it changes nothing. */
export function isRead({ method }: Pick<IncomingMessage, 'method'>): boolean {
  return method === 'GET' || method === 'HEAD';
}

/** Whether a body comes that is too long, or does not say how long it is. */
export function hasLongBody({ headers }: Pick<IncomingMessage, 'headers'>): boolean {
  const { 'content-length': length = '0', 'transfer-encoding': coding } = headers;
  return coding !== undefined || Number(length) > MAX_BODY_BYTES;
}

/** Whether it only asks if a leader serves: whoever watches a process from outside knows no password and has no certificate. */
export function isHealthCheck(request: Pick<IncomingMessage, 'method' | 'url'>): boolean {
  return isRead(request) && pathOf(request) === '/healthz';
}
