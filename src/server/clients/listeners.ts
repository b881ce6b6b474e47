/** All who are told of changes although they ask for nothing: watchers of the text protocol, and Redis's subscribers. */

import { NO_SUBSCRIPTIONS } from '../../protocol/resp/subscriptions.js';
import type { ClientConnection } from './client-connection.js';
import { Subscribers, type SubscribersOptions } from './subscriptions/subscribers.js';
import { Watchers, type WatchersOptions } from './watches/watchers.js';

export class Listeners {
  readonly watchers: Watchers;
  readonly subscribers: Subscribers;

  constructor(options: WatchersOptions & SubscribersOptions) {
    this.watchers = new Watchers(options);
    this.subscribers = new Subscribers(options);
  }

  /** The client has come here, perhaps from another server at which it had subscribed to something. */
  open(client: ClientConnection, nowMs: number): void {
    const at = client.answeredAt;
    if (at.place === 'resp' && at.subscriptions !== NO_SUBSCRIPTIONS)
      this.subscribers.resume(client, at, nowMs);
  }

  /** Whether {@link tell} has something to do at once. */
  get isDue(): boolean {
    return this.watchers.isDue || this.subscribers.isDue;
  }

  /** When {@link tell} has something to do although nothing happens. */
  get deadlineMs(): number {
    return Math.min(this.watchers.deadlineMs, this.subscribers.deadlineMs);
  }

  /** Tells what was applied; later, if the state is not as of an entry. */
  tell(nowMs: number, { isAtEntry }: { readonly isAtEntry: boolean }): void {
    if (isAtEntry) {
      this.watchers.work(nowMs);
      this.subscribers.work(nowMs);
    } else {
      this.watchers.putOff(nowMs);
      this.subscribers.putOff(nowMs);
    }
  }

  /** The client is not here any more. */
  end(client: ClientConnection): void {
    this.watchers.end(client);
    this.subscribers.end(client);
  }
}
