/** Reads a command of a batch and does nothing: it was executed before, in an earlier try of its client. */

import type { ArgSource } from '../arg-source.js';
import type { BatchVisitor } from '../batch-reader.js';

export class SkippingVisitor implements BatchVisitor {
  readonly #onSkipped: (command: 'with key' | 'without key') => void;

  /** @param onSkipped told once the command was read; `with key` for those that visitKeys visits */
  constructor(onSkipped: (command: 'with key' | 'without key') => void) {
    this.#onSkipped = onSkipped;
  }

  set(): void {
    this.#onSkipped('with key');
  }

  cas(): void {
    this.#onSkipped('with key');
  }

  casRevision(): void {
    this.#onSkipped('with key');
  }

  add(): void {
    this.#onSkipped('with key');
  }

  deleteIf(): void {
    this.#onSkipped('with key');
  }

  delete(): void {
    this.#onSkipped('with key');
  }

  redis(): void {
    this.#onSkipped('without key');
  }

  longRedis(_name: string, args: ArgSource): void {
    while (args.left > 0) args.next();
    this.#onSkipped('without key');
  }

  redisTransaction(): void {
    throw new TypeError('a transaction is in no session');
  }

  valueLimit(): void {
    throw new TypeError('a limit is no command');
  }

  workRule(): void {
    throw new TypeError('a rule is no command');
  }

  sessionOpen(): void {
    throw new TypeError('the opening of a session is in no session');
  }

  sessionClose(): void {
    throw new TypeError('the closing of a session is in no session');
  }

  once(): void {
    throw new TypeError('a command is in one session');
  }
}
