/** Places that connections take, and how many of them each address has: no address takes the places of all others. */

import { MAX_SHARE_OF_ADDRESS } from '../connection-limits.js';

/** Of an address of IPv6, what names the network: whoever has one address there has all of them. */
const NETWORK_GROUPS = 4;
const GROUPS = 8;

export class AddressShares {
  #taken = 0;
  readonly #takenFrom = new Map<string, number>();

  /** How many places are taken. */
  get taken(): number {
    return this.#taken;
  }

  /**
   * Whether no place of `max` is left, or none for that address, which may have {@link MAX_SHARE_OF_ADDRESS} of them. This
   * machine may have all: its own address may be a proxy's.
   */
  isFullFor(address: string, max: number): boolean {
    if (this.#taken >= max) return true;
    return !isLoopback(address) && this.#of(address) >= MAX_SHARE_OF_ADDRESS * max;
  }

  /** Takes a place until what this returns is called, be it once or twice. */
  take(address: string): () => void {
    const network = networkOf(address);
    let isTaken = true;
    this.#taken += 1;
    this.#takenFrom.set(network, this.#of(address) + 1);
    return () => {
      if (!isTaken) return;
      isTaken = false;
      this.#taken -= 1;
      const left = this.#of(address) - 1;
      if (left > 0) this.#takenFrom.set(network, left);
      else this.#takenFrom.delete(network);
    };
  }

  #of(address: string): number {
    return this.#takenFrom.get(networkOf(address)) ?? 0;
  }
}

/** An address of IPv4 without what stands before it on a socket that takes both. */
export function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/, '');
}

function isLoopback(address: string): boolean {
  return address === '::1' || plainAddress(address).startsWith('127.');
}

/** What an address counts as: itself, or its network if that is all one client's. */
function networkOf(address: string): string {
  const plain = plainAddress(address);
  if (!plain.includes(':') || plain.startsWith('fe80:')) return plain;
  const [front = '', back] = plain.split('::');
  const before = groupsOf(front);
  const after = groupsOf(back ?? '');
  const missing = back === undefined ? 0 : Math.max(0, GROUPS - before.length - after.length);
  const groups = [...before, ...new Array<string>(missing).fill('0'), ...after];
  return groups.slice(0, NETWORK_GROUPS).join(':');
}

function groupsOf(text: string): readonly string[] {
  return text === '' ? [] : text.split(':');
}
