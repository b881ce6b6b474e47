/**
 * The session in which a client's writes are numbered, so that one that is sent again is done once (thesis 6.3). A number is
 * reported as done once its call is over: also of a call that was given up, whose command is then not executed any more.
 */

import { SESSION_WINDOW } from './client-limits.js';

/** A call's place among the writes of a session. */
export interface WriteNumber {
  readonly session: WriteSession;
  readonly seq: number;
}

export class WriteSession {
  readonly id: string;
  /** The last number that was given out, and the one up to which all calls are over. */
  #last = 0;
  #done = 0;
  /** Of the numbers after that, which ones are over: by their remainder. */
  readonly #over = new Uint8Array(SESSION_WINDOW);

  constructor(id: string) {
    this.id = id;
  }

  /** The next number; undefined while too many are not over. */
  number(): WriteNumber | undefined {
    if (this.#last - this.#done >= SESSION_WINDOW) return undefined;
    this.#last += 1;
    return { session: this, seq: this.#last };
  }

  /** What stands before the command of that number. */
  prefixOf(seq: number): string {
    return `once ${this.id} ${seq} ${this.#done} `;
  }

  end(seq: number): void {
    this.#over[seq % SESSION_WINDOW] = 1;
    for (let next = this.#done + 1; this.#over[next % SESSION_WINDOW] === 1; next += 1) {
      this.#over[next % SESSION_WINDOW] = 0;
      this.#done = next;
    }
  }
}
