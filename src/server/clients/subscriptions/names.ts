/** Who is subscribed to which channel or pattern. */

import type { SubscriptionKind } from '../../../protocol/resp/subscriptions.js';
import { Pattern } from './pattern.js';
import type { Subscriber } from './subscriber.js';

export const BY_KEY = '__keyspace@0__:';
export const BY_EVENT = '__keyevent@0__:';

/** Each with the first revision that it is told of. */
export type Receivers = Map<Subscriber, number>;

export interface SubscribedPattern {
  readonly pattern: Pattern;
  readonly receivers: Receivers;
}

export class SubscribedNames {
  /** Those of the channels of single keys, by the key; and of single events, by the event. */
  readonly ofKey = new Map<string, Receivers>();
  readonly ofEvent = new Map<string, Receivers>();
  readonly patterns = new Map<string, SubscribedPattern>();
  /** Those of channels on which nothing is told. */
  readonly #others = new Map<string, Receivers>();

  get channelCount(): number {
    return this.ofKey.size + this.ofEvent.size + this.#others.size;
  }

  /** The names of all channels. */
  *channels(): Iterable<string> {
    for (const key of this.ofKey.keys()) yield BY_KEY + key;
    for (const event of this.ofEvent.keys()) yield BY_EVENT + event;
    yield* this.#others.keys();
  }

  receiversOf(channel: string): Receivers | undefined {
    const { byName, name } = this.#placeOf(channel);
    return byName.get(name);
  }

  /** @param from the first revision that the subscriber is told of */
  add(kind: SubscriptionKind, name: string, subscriber: Subscriber, from: number): void {
    if (kind === 'channels') {
      const { byName, name: short } = this.#placeOf(name);
      receiversIn(byName, short).set(subscriber, from);
      return;
    }
    const found = this.patterns.get(name);
    if (found !== undefined) found.receivers.set(subscriber, from);
    else this.patterns.set(name, { pattern: new Pattern(name), receivers: new Map([[subscriber, from]]) });
  }

  remove(kind: SubscriptionKind, name: string, subscriber: Subscriber): void {
    if (kind === 'channels') {
      const { byName, name: short } = this.#placeOf(name);
      const receivers = byName.get(short);
      receivers?.delete(subscriber);
      if (receivers?.size === 0) byName.delete(short);
      return;
    }
    const receivers = this.patterns.get(name)?.receivers;
    receivers?.delete(subscriber);
    if (receivers?.size === 0) this.patterns.delete(name);
  }

  #placeOf(channel: string): { readonly byName: Map<string, Receivers>; readonly name: string } {
    if (channel.startsWith(BY_KEY)) return { byName: this.ofKey, name: channel.slice(BY_KEY.length) };
    if (channel.startsWith(BY_EVENT)) return { byName: this.ofEvent, name: channel.slice(BY_EVENT.length) };
    return { byName: this.#others, name: channel };
  }
}

function receiversIn(byName: Map<string, Receivers>, name: string): Receivers {
  const found = byName.get(name);
  if (found !== undefined) return found;
  const receivers: Receivers = new Map();
  byName.set(name, receivers);
  return receivers;
}
