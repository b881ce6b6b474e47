/** What all clients did and saw, for the checker. Times are virtual. */

import { isRead, type Operation, type Outcome } from '../../../tools/linearizability/history.js';
import type { Command } from './command.js';

/** An operation whose outcome may still come. */
export interface Attempt extends Omit<Operation, 'outcome' | 'return'> {
  outcome: Outcome;
  return: number;
}

export class History {
  #streams = 0;
  readonly #attempts = new Set<Attempt>();

  /** A number for a connection. */
  newStream(): number {
    this.#streams += 1;
    return this.#streams;
  }

  get size(): number {
    return this.#attempts.size;
  }

  get operations(): readonly Operation[] {
    return [...this.#attempts];
  }

  /** A command was sent. Until its outcome is known, it may take effect at any time. */
  begin(
    client: number,
    stream: number,
    { operation }: Pick<Command, 'operation'>,
    call: number,
  ): Attempt | undefined {
    if (operation === undefined) return undefined;
    const attempt: Attempt = {
      client,
      stream,
      ...operation,
      outcome: { type: 'unknown' },
      call,
      return: Number.POSITIVE_INFINITY,
      position: undefined,
    };
    this.#attempts.add(attempt);
    return attempt;
  }

  settle(attempt: Attempt, outcome: Outcome, atMs: number): void {
    if (outcome.type === 'unknown') {
      if (isRead(attempt.action)) this.#attempts.delete(attempt);
      return;
    }
    attempt.outcome = outcome;
    attempt.return = atMs;
  }

  /** It was not executed, and never will be. */
  withdraw(attempt: Attempt): void {
    this.#attempts.delete(attempt);
  }
}
