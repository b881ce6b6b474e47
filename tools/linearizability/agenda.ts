/** Places to go on from: those first that took the fewest guesses to come so far, and of these the latest. */

export interface Reached {
  /** All known operations that were called before this one are done. */
  readonly firstLeft: number;
  /** How many operations of unknown outcome were taken. */
  readonly guesses: number;
}

export class Agenda<P extends Reached> {
  /** By how many guesses more were taken than were needed to come so far. */
  readonly #places: P[][] = [];
  /** By how far it is: the fewest guesses that were taken to come there. */
  readonly #fewest: number[] = [];

  add(place: P): void {
    const { firstLeft, guesses } = place;
    const fewest = Math.min(guesses, this.#fewest[firstLeft] ?? guesses);
    this.#fewest[firstLeft] = fewest;
    while (this.#places.length <= guesses - fewest) this.#places.push([]);
    this.#places[guesses - fewest]?.push(place);
  }

  take(): P | undefined {
    return this.#places.find((places) => places.length > 0)?.pop();
  }
}
