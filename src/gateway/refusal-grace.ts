/** How long a server that leads no more may take to tell what it did with the commands that it was sent. */

import type { Environment, Timer } from '../environment.js';
import type { Assignment } from './server-traffic.js';

export class RefusalGrace {
  readonly #environment: Pick<Environment, 'startTimer'>;
  readonly #graceMs: number;
  readonly #onOver: (assignment: Assignment) => void;
  #timer: Timer | undefined;

  /** @param onOver is told which server has taken too long */
  constructor(
    environment: Pick<Environment, 'startTimer'>,
    graceMs: number,
    onOver: (assignment: Assignment) => void,
  ) {
    this.#environment = environment;
    this.#graceMs = graceMs;
    this.#onOver = onOver;
  }

  /** The server leads no more, if that is news. */
  begin(assignment: Assignment): void {
    this.#timer ??= this.#environment.startTimer(() => this.#onOver(assignment), this.#graceMs);
  }

  /** It has told, or leads again. */
  end(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
