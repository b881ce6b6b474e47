/** Connections of tools to the program on this machine, in plain text or over TLS. */

import { connect, type Socket } from 'node:net';
import { connect as connectSecurely } from 'node:tls';

const HOST = '127.0.0.1';

/** The CA, in PEM, of a program that speaks TLS: for this process, and for those that it starts from now on. */
const VARIABLE = 'THREADRAFT_TOOLS_CA';

/** Has all connections of this process, and of those that it starts, speak TLS to a program whose certificate the CA has signed. */
export function speakTls(ca: string): void {
  process.env[VARIABLE] = ca;
}

/** The CA that was named by {@link speakTls}; undefined for plain text. */
export function knownCa(): string | undefined {
  return process.env[VARIABLE];
}

/**
 * @param ca undefined for plain text
 * @param identity the certificate to show, if it is asked for
 */
export function dial(
  port: number,
  host = HOST,
  ca = knownCa(),
  identity: { readonly cert?: string; readonly key?: string } = {},
): Socket {
  return ca === undefined ? connect(port, host) : connectSecurely({ port, host, ca, ...identity });
}
