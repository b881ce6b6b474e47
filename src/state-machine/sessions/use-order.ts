/**
 * The ids of sessions in the order of their last use. Each use has a number of its own: a Map from which one key is removed, and
 * to which it is added again, takes ever longer for that, since V8 keeps the places of removed keys beside each other.
 */
export class UseOrder {
  readonly #idOfUse = new Map<number, string>();
  readonly #lastUses = new Map<string, number>();
  #uses = 0;

  /** The one that was used longest ago first. */
  ids(): Iterable<string> {
    return this.#idOfUse.values();
  }

  /** It is used now, perhaps for the first time. */
  use(id: string): void {
    const lastUse = this.#lastUses.get(id);
    if (lastUse !== undefined) {
      if (lastUse === this.#uses) return;
      this.#idOfUse.delete(lastUse);
    }
    this.#uses += 1;
    this.#lastUses.set(id, this.#uses);
    this.#idOfUse.set(this.#uses, id);
  }

  remove(id: string): void {
    const lastUse = this.#lastUses.get(id);
    if (lastUse === undefined) return;
    this.#lastUses.delete(id);
    this.#idOfUse.delete(lastUse);
  }
}
