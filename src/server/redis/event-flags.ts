/** What `notify-keyspace-events` says: which events subscribers are told of, and by which channels. */

import type { EventClass } from '../../state-machine/key-events.js';

/** Classes that `A` stands for. Of those of values of other types, and of evictions and modules, there are no events here. */
const ALL_CLASSES = 'g$lshzxetd';
/** `m` is for keys that are looked for in vain, of which nobody is told. */
const LETTERS = new Set(`${ALL_CLASSES}KEmn`);

export class EventFlags {
  readonly tellsByKey: boolean;
  readonly tellsByEvent: boolean;
  readonly tellsNew: boolean;
  readonly #letters: ReadonlySet<string>;

  /** @param text letters that {@link isEventFlags} */
  constructor(text: string) {
    this.#letters = new Set(text.replaceAll('A', ALL_CLASSES));
    this.tellsByKey = this.#letters.has('K');
    this.tellsByEvent = this.#letters.has('E');
    this.tellsNew = this.#letters.has('n');
  }

  has(eventClass: EventClass): boolean {
    return this.#letters.has(eventClass);
  }

  /** As CONFIG GET shows it. */
  toString(): string {
    const has = (letter: string) => this.#letters.has(letter);
    const classes = [...ALL_CLASSES];
    const shown = classes.every(has) ? ['A'] : classes.filter(has);
    return [...shown, ...[...'KEmn'].filter(has)].join('');
  }
}

/** All events of keys that change, by both channels. */
export const DEFAULT_EVENT_FLAGS = 'AKE';

export function isEventFlags(text: string): boolean {
  return [...text].every((letter) => letter === 'A' || LETTERS.has(letter));
}
