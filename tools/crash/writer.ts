/** A client that writes its own keys, many commands at a time, until its connection ends. */

import { randomInt } from 'node:crypto';
import { replyOrEnd, TextClient, type TextReply } from '../support/text-client.js';
import type { ReadKey } from '../support/while-leading.js';
import { KeyModel, type KeyState, type Write, type WriteOutcome } from './key-model.js';

const KEYS = 12;
const MAX_DEPTH = 8;
/** Most values are short, and some make the log grow. */
const LONG_VALUE_CHARS = 50_000;
const LONG_VALUE_EVERY = 50;
const DELETE_EVERY = 12;

export class Writer {
  readonly name: string;
  readonly keys: readonly KeyModel[];
  acknowledged = 0;
  #count = 0;

  constructor(name: string) {
    this.name = name;
    this.keys = Array.from({ length: KEYS }, (_, i) => new KeyModel(`${name}-${i}`));
  }

  /** Writes until the connection ends. Rejects with LostWriteError when an answer cannot be. */
  async writeUntilCut(port: number): Promise<void> {
    const client = await TextClient.connect(port);
    try {
      while (!client.isClosed) await this.#writeSome(client);
    } finally {
      client.close();
    }
  }

  /** Reads each key. Rejects with LostWriteError when it cannot hold what it does, and as `read` does. */
  async check(read: ReadKey): Promise<void> {
    for (const model of this.keys) model.read(stateOf(model, await read(model.key)));
  }

  async #writeSome(client: TextClient): Promise<void> {
    const writes = Array.from({ length: randomInt(1, MAX_DEPTH + 1) }, () => {
      const model = this.keys[randomInt(KEYS)];
      if (model === undefined) throw new RangeError('no such key');
      return { model, write: this.#nextWrite() };
    });
    const replies = await Promise.all(
      writes.map(({ model: { key }, write }) =>
        replyOrEnd(write.type === 'delete' ? client.delete(key) : client.set(key, write.value)),
      ),
    );
    for (const [i, { model, write }] of writes.entries()) {
      const outcome = outcomeOf(replies[i]);
      if (outcome.type !== 'unknown') this.acknowledged += 1;
      model.wrote(write, outcome);
    }
  }

  #nextWrite(): Write {
    this.#count += 1;
    if (this.#count % DELETE_EVERY === 0) return { type: 'delete' };
    const length = this.#count % LONG_VALUE_EVERY === 0 ? LONG_VALUE_CHARS : randomInt(200);
    return { type: 'set', value: `${this.name}:${this.#count}:`.padEnd(length, '.') };
  }
}

function outcomeOf(reply: TextReply | undefined): WriteOutcome {
  if (reply === undefined) return { type: 'unknown' };
  switch (reply.type) {
    case 'OK':
      return { type: 'stored', version: reply.version };
    case 'DELETED':
      return { type: 'deleted' };
    case 'ERR_NOT_FOUND':
      return { type: 'not-found' };
    case 'ERR_INTERNAL':
      return { type: 'unknown' };
    default:
      throw new TypeError(`a write was answered ${reply.type}`);
  }
}

function stateOf({ key }: KeyModel, reply: TextReply): KeyState {
  switch (reply.type) {
    case 'META':
      return { version: reply.version, value: reply.value };
    case 'ERR_NOT_FOUND':
      return { version: 0, value: undefined };
    default:
      throw new TypeError(`a read of ${key} was answered ${reply.type}`);
  }
}
