/** Things that are done one in each turn of the event loop, whoever wants them: other work of the thread comes between them. */

export class OwnTurns {
  /** One was begun in this turn. */
  #hasBegun = false;
  /** Those that are begun in the next turns, the longest waiting first. */
  readonly #toBegin: (() => void)[] = [];

  /** Resolves in a turn in which no other is begun. */
  async next(): Promise<void> {
    if (this.#hasBegun) return new Promise((begin) => this.#toBegin.push(begin));
    this.#hasBegun = true;
    setImmediate(() => this.#turnHasEnded());
  }

  #turnHasEnded(): void {
    const begin = this.#toBegin.shift();
    this.#hasBegun = begin !== undefined;
    if (begin === undefined) return;
    setImmediate(() => this.#turnHasEnded());
    begin();
  }
}
