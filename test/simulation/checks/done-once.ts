/**
 * Whether each write was done at most once. Values are never written twice by a client, so one that is in two commands of
 * the log, both committed, was done twice: sent again by somebody who did not know that it was done. Repeats in a session, and
 * those of the router at one place of a stream, are one command.
 */

import { type ByteSpan, textOf } from '../../../src/bytes/byte-reader.js';
import type { Args } from '../../../src/protocol/command.js';
import { PropertyViolation } from '../../../src/raft/checks/property-violation.js';
import type { Entry, LogIndex } from '../../../src/raft/types.js';
import type { ArgSource } from '../../../src/state-machine/arg-source.js';
import { BatchReader } from '../../../src/state-machine/batch-reader.js';
import type { BatchVisitor, TransactionCommands } from '../../../src/state-machine/batch-visitor.js';

/** As newValue makes them, see client/command.ts. */
const VALUE = /[a-z]+:\d+\.\d+;/g;

export class DoneOnce {
  /** Entries up to here were looked at. */
  #lastIndex: LogIndex = 0;
  /** The entry that each value is in, and the command of a session that it belongs to. */
  readonly #seenAt = new Map<string, { readonly index: LogIndex; readonly once: string | undefined }>();

  /** A server has applied the entry. Throws PropertyViolation. */
  applied({ index, payload }: Entry): void {
    if (index <= this.#lastIndex) return;
    this.#lastIndex = index;
    const batch = new BatchReader(payload);
    const visitor = new ValueVisitor((text, once) => this.#see(text, { index, once }));
    while (!batch.isAtEnd) batch.next(visitor);
  }

  #see(text: string, at: { readonly index: LogIndex; readonly once: string | undefined }): void {
    for (const [value] of text.matchAll(VALUE)) {
      const before = this.#seenAt.get(value);
      if (before !== undefined && (at.once === undefined || before.once !== at.once))
        throw new PropertyViolation(
          'done once',
          `${value} is in the entries ${before.index} and ${at.index}`,
        );
      this.#seenAt.set(value, at);
    }
  }
}

/** Tells of the texts of each command, and the command of a session that it is. */
class ValueVisitor implements BatchVisitor {
  readonly #onText: (text: string, once: string | undefined) => void;
  #once: string | undefined;
  #start = '';
  #connection: number | undefined;
  #place = 0;
  #stride = 0;

  constructor(onText: (text: string, once: string | undefined) => void) {
    this.#onText = onText;
  }

  set(_key: ByteSpan, value: ByteSpan): void {
    this.#tell(textOf(value));
  }

  cas(_key: ByteSpan, value: ByteSpan): void {
    this.#tell(textOf(value));
  }

  casRevision(_key: ByteSpan, value: ByteSpan): void {
    this.#tell(textOf(value));
  }

  add(_key: ByteSpan, value: ByteSpan): void {
    this.#tell(textOf(value));
  }

  delete(): void {
    this.#tell('');
  }

  deleteIf(): void {
    this.#tell('');
  }

  redis(args: Args): void {
    this.#tell(args.join(' '));
  }

  longRedis(name: string, args: ArgSource): void {
    const texts = [name];
    while (args.left > 0) {
      const arg = args.next();
      texts.push(typeof arg === 'string' ? arg : textOf(arg));
    }
    this.#tell(texts.join(' '));
  }

  redisTransaction(_watched: unknown, commands: TransactionCommands): void {
    this.#place += this.#stride;
    while (commands.left > 0) this.#onText(commands.next()?.join(' ') ?? '', this.#dedupeKey);
  }

  once(id: string, seq: number): void {
    this.#once = `${id} ${seq}`;
  }

  routerStart(start: string): void {
    this.#start = Buffer.from(start, 'latin1').toString('hex');
  }

  dedupe(_row: number, connection: number, place: number): void {
    this.#connection = connection;
    this.#place = place;
    this.#stride = 0;
  }

  stride(bytes: number): void {
    this.#stride = bytes;
  }

  dedupeEnd(): void {
    this.#connection = undefined;
  }

  valueLimit(): void {}

  workRule(): void {}

  sessionOpen(): void {
    this.#place += this.#stride;
  }

  sessionClose(): void {
    this.#place += this.#stride;
  }

  /** The command that a repeat of the router's is, if it came from there. */
  get #dedupeKey(): string | undefined {
    return this.#connection === undefined ? undefined : `${this.#start} ${this.#connection} ${this.#place}`;
  }

  #tell(text: string): void {
    this.#place += this.#stride;
    this.#onText(text, this.#once ?? this.#dedupeKey);
    this.#once = undefined;
  }
}
