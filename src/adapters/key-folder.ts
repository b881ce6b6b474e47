/** The keys of an adapter: those of the cluster with a prefix, under names in which any byte may be. */

import type { CallOptions } from '../client/call.js';
import { KvClient, type KvClientOptions } from '../client/index.js';
import type { KeyValueClient } from '../client/key-value-client.js';

/** A client that is there already, such as `cluster.client()`, or what to make one of. */
export type ClientSource = KeyValueClient | KvClientOptions;

/** Deletes that are under way at a time. */
const MAX_DELETES = 256;

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

  constructor(client: KeyValueClient, prefix: string) {
    this.#client = client;
    this.#prefix = encoded(prefix);
  }

  /** What the key of that name is called in the cluster. */
  keyOf(name: string): string {
    return this.#prefix + encoded(name);
  }

  nameOf(key: string): string {
    return decoded(key.slice(this.#prefix.length));
  }

  /** Each name that begins so with its value as text, once: those that were there when it began, and perhaps later ones. */
  async *entries(start = '', options: CallOptions = {}): AsyncGenerator<[name: string, value: string], void> {
    const told = new Set<string>();
    const { signal } = options;
    for await (const change of this.#client.watch(this.keyOf(start), { from: 0, signal })) {
      if (change.type === 'synced') return;
      if (change.type !== 'set' || told.has(change.key)) continue;
      told.add(change.key);
      yield [this.nameOf(change.key), change.value];
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
