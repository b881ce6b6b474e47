/** An address of this machine that others reach, too: clients that come by it are not taken for this machine's own. */

import { networkInterfaces } from 'node:os';

/** Undefined if it has none. */
export function ownAddress(): string | undefined {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return all.find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
}
