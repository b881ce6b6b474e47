/** The changes of a running cluster: all keys as they are, then each change, as the watch of the text protocol tells them. */

import { Watch } from '../client/watch.js';
import type { Address, ClientWorld } from '../client/world.js';
import { MAX_FEED_BYTES, MAX_FEED_CHANGES } from '../migration-limits.js';

/** Texts have one character per byte. */
export type FeedChange =
  | {
      readonly type: 'set';
      readonly key: string;
      readonly value: string;
      readonly version: number;
      readonly expires: boolean;
      readonly revision: number;
    }
  | { readonly type: 'removed'; readonly key: string; readonly revision: number }
  | { readonly type: 'other-type'; readonly key: string; readonly holds: string }
  | { readonly type: 'flushed'; readonly revision: number }
  | { readonly type: 'reset' }
  | { readonly type: 'synced'; readonly revision: number };

export interface FeedOptions {
  readonly address: Address;
  readonly password: string | undefined;
  readonly world: ClientWorld;
  /** The first revision to be told; 0 for all keys, then changes. */
  readonly from: number;
}

/** Reads ahead of whoever takes, up to some limit. */
export class Feed {
  readonly #watch: Watch;
  readonly #environment: ClientWorld['environment'];
  #changes: FeedChange[] = [];
  #bytes = 0;
  #onChange: (() => void) | undefined;
  #onRoom: (() => void) | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor({ address, password, world, from }: FeedOptions) {
    this.#watch = new Watch(
      '',
      { from },
      { addresses: [address], password, world, onEnd: () => undefined, encoding: 'latin1' },
    );
    this.#environment = world.environment;
    this.#read().catch((error: unknown) => {
      this.#failure = { error };
      this.#onChange?.();
    });
  }

  /** The next changes, as many as came by now; none if none comes within the time. Rejects with a KvError. */
  async take(withinMs: number): Promise<readonly FeedChange[]> {
    if (this.#changes.length === 0 && this.#failure === undefined)
      await new Promise<void>((resolve) => {
        const timer = this.#environment.startTimer(resolve, withinMs);
        this.#onChange = () => {
          timer.cancel();
          resolve();
        };
      });
    if (this.#changes.length === 0 && this.#failure !== undefined) throw this.#failure.error;
    const taken = this.#changes;
    this.#changes = [];
    this.#bytes = 0;
    this.#onRoom?.();
    return taken;
  }

  close(): void {
    this.#watch.end(undefined);
    this.#onRoom?.();
  }

  async #read(): Promise<void> {
    for await (const change of this.#watch) {
      this.#push(changeOf(change));
      if (this.#changes.length < MAX_FEED_CHANGES && this.#bytes < MAX_FEED_BYTES) continue;
      await new Promise<void>((resolve) => {
        this.#onRoom = resolve;
      });
    }
  }

  #push(change: FeedChange): void {
    this.#changes.push(change);
    if (change.type === 'set') this.#bytes += change.key.length + change.value.length;
    this.#onChange?.();
    this.#onChange = undefined;
  }
}

function changeOf(change: Awaited<ReturnType<Watch['next']>>['value'] & object): FeedChange {
  switch (change.type) {
    case 'set': {
      const { type, key, value, version, ttl, revision } = change;
      return { type, key, value, version, revision, expires: ttl !== undefined };
    }
    case 'deleted':
    case 'expired':
      return { type: 'removed', key: change.key, revision: change.revision };
    case 'changed':
      return { type: 'other-type', key: change.key, holds: change.holds };
    default:
      return change;
  }
}
