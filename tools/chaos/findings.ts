/** What the clients' process finds wrong by itself, in words. */

const MAX_FINDINGS = 200;

export class Findings {
  readonly #found: string[] = [];

  /** The first of them. */
  get found(): readonly string[] {
    return this.#found;
  }

  add(what: string): void {
    if (this.#found.length < MAX_FINDINGS) this.#found.push(what);
  }
}
