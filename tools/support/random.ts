/** Repeatable randomness: the same seed, the same numbers (mulberry32, by Tommy Ettinger). */
export class Random {
  readonly #seed: number;
  #state: number;

  constructor(seed: number) {
    this.#seed = seed >>> 0;
    this.#state = this.#seed;
  }

  /** Another sequence, which depends on the seed and the name alone: what is drawn here does not change it. */
  split(name: string): Random {
    let hash = this.#seed ^ 0x811c9dc5;
    for (let i = 0; i < name.length; i += 1) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
    return new Random(hash);
  }

  /** Uniform in [0, 1). */
  readonly next = (): number => {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** Uniform in [from, to). */
  between(from: number, to: number): number {
    return from + this.next() * (to - from);
  }

  /** A whole number, uniform in [0, count). */
  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  /** The same values in uniformly random order (Fisher and Yates). */
  shuffled<T>(values: readonly T[]): T[] {
    const rest = [...values];
    const order: T[] = [];
    while (rest.length > 0) order.push(...rest.splice(this.below(rest.length), 1));
    return order;
  }

  /** Any one of the values. Throws RangeError for none. */
  of<T>(values: readonly T[]): T {
    const value = values[this.below(values.length)];
    if (value === undefined) throw new RangeError('there is nothing to choose from');
    return value;
  }

  /** Any one of the values, each as often as its weight says. Throws RangeError when none has any. */
  weighted<T extends string>(values: readonly T[], weights: Readonly<Record<T, number>>): T {
    let rest = this.next() * values.reduce((sum, value) => sum + weights[value], 0);
    for (const value of values) {
      rest -= weights[value];
      if (rest < 0) return value;
    }
    throw new RangeError('nothing has any weight');
  }
}
