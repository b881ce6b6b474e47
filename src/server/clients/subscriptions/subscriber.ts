/** A connection that is subscribed to something, and how far it was told. It is a place in the history, and no buffer. */

import { NO_SUBSCRIPTIONS, type Subscriptions } from '../../../protocol/resp/subscriptions.js';
import type { ClientConnection } from '../client-connection.js';

export class Subscriber {
  readonly client: ClientConnection;
  /** What it is registered for. */
  subscriptions: Subscriptions = NO_SUBSCRIPTIONS;
  /** Changes before this revision were told, as far as they are ever. */
  next: number;
  /** The last change of which it was told something. */
  begun = 0;
  /** Who tells it; undefined while it waits to catch up. */
  group: object | undefined;
  /** Since when it waits because it does not read, in ms; undefined for one that comes from another server. */
  stalledSinceMs: number | undefined;

  constructor(client: ClientConnection, next: number) {
    this.client = client;
    this.next = next;
  }
}
