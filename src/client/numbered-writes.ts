/** The writes of a client, which get their numbers in its session as they are first sent. */

import type { Call } from './call.js';
import { type WriteNumber, WriteSession } from './write-session.js';

export class NumberedWrites {
  readonly #open: () => Promise<string>;
  readonly #onChange: () => void;
  #session: WriteSession | undefined;
  #isOpening = false;
  /** Calls that wait for a session, or for one of its numbers. */
  readonly waiting = new Set<Call>();

  /**
   * @param open resolves to the id of a new session
   * @param onChange is called when calls that wait may have a number
   */
  constructor(open: () => Promise<string>, onChange: () => void) {
    this.#open = open;
    this.#onChange = onChange;
  }

  /** The id of the session, while there is one. */
  get id(): string | undefined {
    return this.#session?.id;
  }

  /** Gives a write its number, unless it has one. False if it has to wait for that. */
  number(call: Call): boolean {
    if (call.number !== undefined) return true;
    call.number = this.#session?.number();
    if (this.#session === undefined) void this.#begin();
    return call.number !== undefined;
  }

  /** The call is over. */
  end(call: Call): void {
    this.waiting.delete(call);
    call.number?.session.end(call.number.seq);
  }

  /** The session of that number is gone: the next write is in another one. */
  lose({ session }: WriteNumber): void {
    if (session === this.#session) this.#session = undefined;
  }

  async #begin(): Promise<void> {
    if (this.#isOpening) return;
    this.#isOpening = true;
    try {
      this.#session = new WriteSession(await this.#open());
    } catch (error) {
      const { waiting } = this;
      // Those that still have time try to open another one.
      if (!(error instanceof Error && 'code' in error && error.code === 'ERR_TIMEOUT'))
        for (const call of [...waiting]) call.fail(error instanceof Error ? error : new Error(String(error)));
    }
    this.#isOpening = false;
    if (this.waiting.size > 0) this.#onChange();
  }
}
