/** What a connection is subscribed to. A change makes a new value, and leaves the one before as it was. */

import {
  MAX_SUBSCRIBED_NAME_BYTES,
  MAX_SUBSCRIPTION_BYTES,
  SUBSCRIPTION_OVERHEAD_BYTES,
} from '../../subscription-limits.js';
import type { Args } from '../command.js';

/** Names of channels, or patterns for them. */
export type SubscriptionKind = 'channels' | 'patterns';

const NO_NAMES: ReadonlySet<string> = new Set();

export class Subscriptions {
  /** One character per byte, in the order in which they were subscribed to. */
  readonly channels: ReadonlySet<string>;
  readonly patterns: ReadonlySet<string>;

  constructor(channels: Iterable<string>, patterns: Iterable<string>) {
    this.channels = new Set(channels);
    this.patterns = new Set(patterns);
  }

  get count(): number {
    return this.channels.size + this.patterns.size;
  }

  /** What they count towards the limits, in bytes. */
  get byteLength(): number {
    let bytes = 0;
    for (const names of [this.channels, this.patterns])
      for (const name of names) bytes += name.length + SUBSCRIPTION_OVERHEAD_BYTES;
    return bytes;
  }

  /** With these names, too, and how many there are after each of them. */
  with(kind: SubscriptionKind, names: Args): Subscribed {
    const wanted = new Set(this[kind]);
    const others = this.count - wanted.size;
    const counts = names.map((name) => wanted.add(name).size + others);
    return { subscriptions: this.#replacing(kind, wanted), counts };
  }

  /** Without these names, and how many there are after each of them. */
  without(kind: SubscriptionKind, names: Iterable<string>): Subscribed {
    const left = new Set(this[kind]);
    const others = this.count - left.size;
    const counts = Array.from(names, (name) => {
      left.delete(name);
      return left.size + others;
    });
    return { subscriptions: this.#replacing(kind, left), counts };
  }

  #replacing(kind: SubscriptionKind, names: ReadonlySet<string>): Subscriptions {
    return kind === 'channels' ? subscribedTo(names, this.patterns) : subscribedTo(this.channels, names);
  }
}

export interface Subscribed {
  readonly subscriptions: Subscriptions;
  readonly counts: readonly number[];
}

/** The one value without any. */
export const NO_SUBSCRIPTIONS = new Subscriptions(NO_NAMES, NO_NAMES);

export function subscribedTo(channels: Iterable<string>, patterns: Iterable<string>): Subscriptions {
  const subscriptions = new Subscriptions(channels, patterns);
  return subscriptions.count === 0 ? NO_SUBSCRIPTIONS : subscriptions;
}

/** Whether one command may name these: bounded whatever the connection is subscribed to. */
export function mayName(names: Args): boolean {
  let bytes = 0;
  for (const name of names) {
    if (name.length > MAX_SUBSCRIBED_NAME_BYTES) return false;
    bytes += name.length + SUBSCRIPTION_OVERHEAD_BYTES;
  }
  return bytes <= MAX_SUBSCRIPTION_BYTES;
}
