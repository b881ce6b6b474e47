/** One client's watch: the keys that it is told of, and how far it was told. It is a place in the history, and no buffer. */

import type { WatchPlace } from '../../../protocol/checkpoint.js';
import type { ClientConnection } from '../client-connection.js';
import type { PagedState } from './paged-state.js';
import type { StateTelling } from './state-telling.js';

export class Watch {
  readonly client: ClientConnection;
  readonly prefix: string;
  /** Changes before this revision were told, or are of other keys. */
  next: number;
  /** Is told of changes as they happen, along with all others: see {@link Watchers}. */
  isLive = false;
  /** What is told of the state, until all of it was. */
  state: StateTelling | PagedState | undefined;
  /** When it was told something last, in ms of the clock that turns go by. */
  toldAtMs: number;

  constructor(client: ClientConnection, prefix: string, next: number, nowMs: number) {
    this.client = client;
    this.prefix = prefix;
    this.next = next;
    this.toldAtMs = nowMs;
  }

  /** Where another server goes on. Nobody can go on from the midst of the state. */
  get place(): WatchPlace {
    return { prefix: this.prefix, revision: this.state === undefined ? this.next : 0 };
  }
}
