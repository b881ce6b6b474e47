import { expect } from 'chai';
import unstorageDriver from '../../src/adapters/unstorage.js';
import type { Change } from '../../src/client/changes.js';
import { ClosedError } from '../../src/client/client-errors.js';
import type { KeyValueClient } from '../../src/client/key-value-client.js';
import type { WatchOptions } from '../../src/client/watch.js';

/** A client of which only `watch` is used: tells what it is handed. */
class WatchedClient {
  options: WatchOptions | undefined;
  readonly #told: (Change | Error)[] = [];
  #wake = () => {};

  watch(_prefix: string, options: WatchOptions): AsyncIterable<Change> {
    this.options = options;
    return this.#changes();
  }

  tell(...changes: readonly (Change | Error)[]): void {
    this.#told.push(...changes);
    this.#wake();
  }

  async *#changes(): AsyncGenerator<Change, void> {
    while (true) {
      const change = this.#told.shift();
      if (change instanceof Error) throw change;
      if (change !== undefined) yield change;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}

const set = (name: string, revision: number): Change => ({
  type: 'set',
  key: `unstorage/${name}`,
  value: 'x',
  version: 1,
  ttl: undefined,
  revision,
});
const synced = (revision: number): Change => ({ type: 'synced', revision });

describe("unstorage's watch", () => {
  let client: WatchedClient;
  let events: string[];
  let onEvent: (event: string) => unknown;

  beforeEach(() => {
    client = new WatchedClient();
    events = [];
    onEvent = () => undefined;
  });

  /** Watches once these were told, and collects what comes then. */
  async function watching(...state: readonly Change[]): Promise<() => void> {
    const driver = unstorageDriver({ client: client as unknown as KeyValueClient });
    client.tell(...state);
    return driver.watch((event, key) => {
      events.push(`${event} ${key}`);
      return onEvent(event);
    });
  }

  /** All that was told is known to the driver. */
  const settled = () => new Promise(setImmediate);

  it('tells what changes from then on, and not what is there', async () => {
    await watching(set('a', 1), set('b', 2), synced(2));
    client.tell(set('b', 3), set('c', 4), { type: 'deleted', key: 'unstorage/a', revision: 5 });
    await settled();
    expect(client.options?.from).to.equal(0);
    expect(events).to.deep.equal(['update b', 'update c', 'remove a']);
  });

  it('tells that each key is removed when all are at once', async () => {
    await watching(set('a', 1), synced(1));
    client.tell(set('b', 2), { type: 'flushed', revision: 3 }, { type: 'flushed', revision: 4 });
    await settled();
    expect(events).to.deep.equal(['update b', 'remove a', 'remove b']);
  });

  it('tells what has changed and what was removed while changes were missed', async () => {
    await watching(set('same', 1), set('changed', 2), set('gone', 3), synced(3));
    client.tell({ type: 'reset' }, set('changed', 9), set('new', 8), set('same', 1), synced(9));
    await settled();
    expect(events).to.deep.equal(['update changed', 'update new', 'remove gone']);
  });

  it('forgets no key of a state that was broken off and told anew', async () => {
    await watching(set('a', 1), set('b', 2), synced(2));
    client.tell({ type: 'reset' }, set('a', 1), { type: 'reset' }, set('b', 2), synced(3));
    await settled();
    expect(events).to.deep.equal(['remove a']);
  });

  it('goes on when its callback throws or rejects, and warns', async () => {
    const warnings: string[] = [];
    const onWarning = ({ message }: Error) => warnings.push(message);
    process.on('warning', onWarning);
    try {
      await watching(synced(1));
      onEvent = () => {
        throw new Error('thrown');
      };
      client.tell(set('a', 2));
      await settled();
      onEvent = () => Promise.reject(new Error('rejected'));
      client.tell(set('b', 3));
      await settled();
      await settled();
    } finally {
      process.off('warning', onWarning);
    }
    expect(events).to.deep.equal(['update a', 'update b']);
    expect(warnings).to.deep.equal([
      'a callback of watch has failed: thrown',
      'a callback of watch has failed: rejected',
    ]);
  });

  it('rejects when it ends before it has begun', async () => {
    const driver = unstorageDriver({ client: client as unknown as KeyValueClient });
    client.tell(new ClosedError());
    const error: unknown = await driver.watch(() => undefined).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(ClosedError);
  });
});
