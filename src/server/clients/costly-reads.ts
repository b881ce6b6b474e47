/**
 * Reads that look at each byte of a value: each client has one at a time, and they take their turns, some ms of each turn of
 * the server, so that other clients do not wait for them. They see the state as it is then, which holds all that the
 * state held when they might have been answered.
 */

import type { Environment } from '../../environment.js';
import { MAX_READ_MS_PER_TURN } from '../../limits.js';
import type { AppliedState } from '../applied-state.js';
import type { PendingCommand } from './client-connection.js';

export interface CostlyReadsOptions {
  readonly environment: Pick<Environment, 'nowMs'>;
  readonly state: AppliedState;
  readonly execute: (command: PendingCommand) => void;
}

export class CostlyReads {
  readonly #environment: Pick<Environment, 'nowMs'>;
  readonly #state: AppliedState;
  readonly #execute: CostlyReadsOptions['execute'];
  #waiting: PendingCommand[] = [];

  constructor({ environment, state, execute }: CostlyReadsOptions) {
    this.#environment = environment;
    this.#state = state;
    this.#execute = execute;
  }

  get count(): number {
    return this.#waiting.length;
  }

  /** The command may be answered from the state as it is now, or as it will be later. */
  add(command: PendingCommand): void {
    this.#waiting.push(command);
  }

  /** Executes some of them, unless an entry is applied in part. */
  work(): void {
    if (this.#waiting.length === 0 || this.#state.store.isWithinEntry) return;
    const endMs = this.#environment.nowMs() + MAX_READ_MS_PER_TURN;
    let done = 0;
    for (const command of this.#waiting) {
      done += 1;
      if (command.isAnswered) continue;
      this.#execute(command);
      if (this.#environment.nowMs() >= endMs) break;
    }
    this.#waiting = this.#waiting.slice(done);
  }

  /** Gives up all of them; returns those whose clients are to be answered. */
  takeAll(): readonly PendingCommand[] {
    const commands = this.#waiting;
    this.#waiting = [];
    return commands.filter((command) => !command.isAnswered);
  }
}
