/** Addresses of servers as a user writes them. */

import { ArgumentError } from './client-errors.js';
import { MAX_ADDRESSES } from './client-limits.js';
import { BadReplyError } from './reply-reader.js';
import type { Address } from './world.js';

const MAX_PORT = 65_535;

/** Reads `host:port`, `[::1]:port`, or an address as it is. Throws {@link ArgumentError}. */
export function readAddresses(servers: readonly (string | Address)[]): readonly Address[] {
  if (!Array.isArray(servers) || servers.length === 0)
    throw new ArgumentError("servers: give at least one address, such as '127.0.0.1:9100'");
  if (servers.length > MAX_ADDRESSES)
    throw new ArgumentError(`servers: ${servers.length} addresses, at most ${MAX_ADDRESSES} can be given`);
  return servers.map(readAddress);
}

function readAddress(server: string | Address): Address {
  if (typeof server !== 'string') return checked(server, JSON.stringify(server));
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(server) ?? [];
  return checked({ host: bracketed ?? plain ?? '', port: Number(port) }, JSON.stringify(server));
}

function checked(address: Address | null, as: string): Address {
  if (address === null || !isAddress(address))
    throw new ArgumentError(`servers: ${as} is no address: write host:port, such as '127.0.0.1:9100'`);
  return { host: address.host, port: address.port };
}

/** Whether both are the same place. */
export function isSame(a: Address, b: Address): boolean {
  return a.host === b.host && a.port === b.port;
}

export function textOfAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The address in `ERR_REDIRECT <host> <port>`. Throws {@link BadReplyError}. */
export function addressIn(line: string): Address {
  const [, host = '', port = ''] = line.split(' ');
  const address = { host, port: Number(port) };
  if (!isAddress(address)) throw new BadReplyError(JSON.stringify(line));
  return address;
}

function isAddress({ host, port }: Address): boolean {
  return typeof host === 'string' && host !== '' && Number.isInteger(port) && port >= 1 && port <= MAX_PORT;
}
