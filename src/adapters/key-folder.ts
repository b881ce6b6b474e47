/** The keys of an adapter: those of the cluster with a prefix, under names in which any byte may be. */

import type { Change } from '../client/changes.js';
import { KvClient, type KvClientOptions, TimeoutError } from '../client/index.js';
import type { KeyValueClient } from '../client/key-value-client.js';

/** A client that is there already, such as `cluster.client()`, or what to make one of. */
export type ClientSource = KeyValueClient | KvClientOptions;

/** Deletes that are under way at a time. */
const MAX_DELETES = 256;

/** A listing that hears nothing for this long is given up: a watch would wait for a server for ever. */
const MAX_SILENCE_MS = 30_000;

/** The client, and what ends it: nothing for one that is the caller's. Throws ArgumentError. */
export function clientOf(source: ClientSource): {
  readonly client: KeyValueClient;
  readonly close: () => Promise<void>;
} {
  if (!('servers' in source)) return { client: source, close: async () => undefined };
  const client = new KvClient(source);
  return { client, close: () => client.close() };
}

export class KeyFolder {
  readonly #client: KeyValueClient;
  readonly #prefix: string;
  readonly #maxSilenceMs: number;

  constructor(client: KeyValueClient, prefix: string, maxSilenceMs = MAX_SILENCE_MS) {
    this.#client = client;
    this.#prefix = encoded(prefix);
    this.#maxSilenceMs = maxSilenceMs;
  }

  /** What the key of that name is called in the cluster. */
  keyOf(name: string): string {
    return this.#prefix + encoded(name);
  }

  nameOf(key: string): string {
    return decoded(key.slice(this.#prefix.length));
  }

  /**
   * Each name that begins so with its value as text, once: those that were there when it began, and perhaps later ones. Throws a
   * KvError, such as TimeoutError where no server answers.
   */
  async *entries(start = ''): AsyncGenerator<[name: string, value: string], void> {
    const told = new Set<string>();
    for await (const change of this.#stateOf(this.keyOf(start))) {
      if (change.type !== 'set' || told.has(change.key)) continue;
      told.add(change.key);
      yield [this.nameOf(change.key), change.value];
    }
  }

  /** All keys with the prefix, and what changes of them meanwhile. */
  async *#stateOf(prefix: string): AsyncGenerator<Change, void> {
    const changes = this.#client.watch(prefix, { from: 0 });
    let isLate = false;
    try {
      while (true) {
        const timer = setTimeout(() => {
          isLate = true;
          void changes.return();
        }, this.#maxSilenceMs);
        const { done, value } = await changes.next().finally(() => clearTimeout(timer));
        if (isLate) throw new TimeoutError('a listing of keys', this.#maxSilenceMs);
        if (done === true || value.type === 'synced') return;
        yield value;
      }
    } finally {
      await changes.return();
    }
  }

  async names(start = ''): Promise<string[]> {
    const names: string[] = [];
    for await (const [name] of this.entries(start)) names.push(name);
    return names;
  }

  /** Deletes all keys whose names begin so. */
  async clear(start = ''): Promise<void> {
    const names = await this.names(start);
    for (let at = 0; at < names.length; at += MAX_DELETES)
      await Promise.all(
        names.slice(at, at + MAX_DELETES).map((name) => this.#client.delete(this.keyOf(name))),
      );
  }
}

/** Without what no key may contain: spaces, control bytes, and the sign that stands before what was replaced. */
function encoded(name: string): string {
  let text = '';
  for (const character of name)
    text += character <= ' ' || character === '\x7f' || character === '%' ? hex(character) : character;
  return text;
}

function hex(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}

function decoded(text: string): string {
  return text.replaceAll(/%([0-9A-F]{2})/g, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  );
}
