/** Commands that are executed beside all others: a few at a time, the others wait in the order in which they came. */

export interface AsideOptions {
  readonly maxRunning: number;
  readonly maxWaiting: number;
}

export class Aside {
  readonly #options: AsideOptions;
  readonly #waiting: (() => Promise<void>)[] = [];
  #running = 0;

  constructor(options: AsideOptions) {
    this.#options = options;
  }

  /** How many are executed, or wait for that. */
  get count(): number {
    return this.#running + this.#waiting.length;
  }

  /** Calls `execute`, which does not reject, once there is room. False, and it will not be called, if too many wait. */
  add(execute: () => Promise<void>): boolean {
    if (this.#running >= this.#options.maxRunning && this.#waiting.length >= this.#options.maxWaiting)
      return false;
    this.#waiting.push(execute);
    this.#goOn();
    return true;
  }

  #goOn(): void {
    while (this.#running < this.#options.maxRunning) {
      const execute = this.#waiting.shift();
      if (execute === undefined) return;
      this.#running += 1;
      execute().finally(() => {
        this.#running -= 1;
        this.#goOn();
      });
    }
  }
}
