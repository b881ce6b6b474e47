/**
 * Who may use the admin API where there is a password: whoever tells it with each request, as a bearer token or by basic
 * authentication, and a browser that has told it once and keeps the cookie that it was given.
 */

import type { IncomingMessage } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import type { ClusterAccess } from '../cluster/cluster-access.js';
import { WRONG_PASSWORD_PAUSE_MS } from '../time-limits.js';
import { LOGIN_S } from './admin-limits.js';
import { HttpError } from './http-error.js';
import { isHealthCheck, isRead, pathOf } from './target.js';

export interface GuardOptions {
  /** What must be told; undefined for nothing. */
  readonly access: Pick<ClusterAccess, 'password' | 'onWrongPassword'> | undefined;
  /** The port, since browsers send cookies of one port to all others of a host. */
  readonly port: () => number;
  /** The dashboard's own files, which hold no secret and ask for the password. */
  readonly isAsset: (path: string) => boolean;
}

export class Guard {
  readonly #options: GuardOptions;

  constructor(options: GuardOptions) {
    this.#options = options;
  }

  /** Resolves if the request may be served. Rejects with HttpError 401: after a pause, if it tells a wrong password. */
  async admit(request: IncomingMessage): Promise<void> {
    const { access, isAsset } = this.#options;
    if (access === undefined || isHealthCheck(request)) return;
    if (isRead(request) && isAsset(pathOf(request))) return;
    if (this.isKnown(request)) return;
    const { headers, socket } = request;
    if (passwordIn(headers.authorization) === undefined)
      throw new HttpError(401, 'the password is needed, as a bearer token or by basic authentication');
    access.onWrongPassword({ host: socket.remoteAddress ?? '' });
    await pause(WRONG_PASSWORD_PAUSE_MS);
    throw new HttpError(401, 'the password is wrong');
  }

  /** Whether the request tells the password, if there is any, or comes from a browser that has told it. */
  isKnown({ headers }: Pick<IncomingMessage, 'headers'>): boolean {
    const { access } = this.#options;
    if (access === undefined) return true;
    const told = passwordIn(headers.authorization);
    return told === undefined ? this.#isLoggedIn(access, headers.cookie) : access.password.matches(told);
  }

  /** The cookie for a browser that has told the password; one that ends at once without a password. */
  cookie({ isSecure }: { readonly isSecure: boolean }): string {
    const { access } = this.#options;
    const endsAtS = Math.floor(Date.now() / 1000) + LOGIN_S;
    const value = access === undefined ? '' : `${endsAtS}.${access.password.sign(`${endsAtS}`)}`;
    return `${this.#name}=${value}; Path=/; Max-Age=${access === undefined ? 0 : LOGIN_S}; HttpOnly; SameSite=Strict${isSecure ? '; Secure' : ''}`;
  }

  get #name(): string {
    return `threadraft-${this.#options.port()}`;
  }

  #isLoggedIn({ password }: Pick<ClusterAccess, 'password'>, cookies = ''): boolean {
    const start = `${this.#name}=`;
    const cookie = cookies.split(/; */).find((one) => one.startsWith(start));
    const [endsAtS = '', signature = ''] = cookie?.slice(start.length).split('.') ?? [];
    return (
      /^\d{1,12}$/.test(endsAtS) &&
      Number(endsAtS) * 1000 > Date.now() &&
      password.hasSigned(endsAtS, signature)
    );
  }
}

/** The bytes of the password in the header; undefined if it has none. */
function passwordIn(header: string | undefined): Uint8Array | undefined {
  const [, scheme = '', credentials = ''] = /^(bearer|basic) +(\S+) *$/i.exec(header ?? '') ?? [];
  if (scheme === '') return undefined;
  // Node reads headers as one character per byte.
  if (scheme.toLowerCase() === 'bearer') return Buffer.from(credentials, 'latin1');
  const decoded = Buffer.from(credentials, 'base64');
  return decoded.subarray(decoded.indexOf(':') + 1);
}
