/**
 * A call that asks all servers, made once for all who ask at about the same time.
 */

import { NODE_ENVIRONMENT, sleep } from '../environment.js';

/** Between two calls: whoever asks again and again leaves most of the time to clients. */
const PAUSE_MS = 10;

export class SharedCall<T> {
  readonly #call: () => Promise<T>;
  #next: Promise<T> | undefined;
  /** Resolves when another call may begin. */
  #ready: Promise<void> = Promise.resolve();

  constructor(call: () => Promise<T>) {
    this.#call = call;
  }

  /** The outcome of a call that begins from now on. */
  ask(): Promise<T> {
    this.#next ??= this.#ready.then(() => {
      this.#next = undefined;
      const called = this.#call();
      this.#ready = called.then(
        () => sleep(NODE_ENVIRONMENT, PAUSE_MS),
        () => sleep(NODE_ENVIRONMENT, PAUSE_MS),
      );
      return called;
    });
    return this.#next;
  }
}
