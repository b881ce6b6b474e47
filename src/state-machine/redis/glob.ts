/**
 * Redis's patterns: `*`, `?`, `[a-c]`, `[^x]`, and a backslash before a literal character.
 *
 * Matching takes the length of the pattern times that of the text at worst, which for long ones is seconds: it can stop
 * anywhere and go on later.
 */

import { MATCH_WORK, Work } from '../work.js';

const STAR = 0x2a;
const QUESTION_MARK = 0x3f;
const OPENING = 0x5b;
const CLOSING = 0x5d;
const BACKSLASH = 0x5c;
const CARET = 0x5e;
const DASH = 0x2d;

/** No place in the pattern. */
const NOWHERE = -1;

/** Steps between two checks of the work that is left. */
const STEPS_AT_ONCE = 256;

/** Whether the whole text matches. For short patterns and texts: it does not stop. */
export function matchesGlob(pattern: string, text: string): boolean {
  const match = new GlobMatch(pattern);
  match.begin(text);
  return match.goOn(new Work()) === true;
}

/** Compares one text after the other with a pattern. */
export class GlobMatch {
  readonly #pattern: string;
  #text = '';
  /** The place in the pattern, and in the text. */
  #p = 0;
  #t = 0;
  /** Where the last star stands, and up to where it takes the text at present. */
  #starAt = NOWHERE;
  #starTakes = 0;
  /** Steps until the next check of the work that is left. */
  #stepsLeft = 0;

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  /** This text is compared next. */
  begin(text: string): void {
    this.#text = text;
    this.#p = 0;
    this.#t = 0;
    this.#starAt = NOWHERE;
  }

  /** Whether the whole text matches; undefined when the work was spent before that is known. */
  goOn(work: Work): boolean | undefined {
    while (true) {
      this.#stepsLeft = STEPS_AT_ONCE;
      const result = this.#compare();
      work.units += MATCH_WORK * (STEPS_AT_ONCE - this.#stepsLeft);
      if (result !== undefined || work.isSpent) return result;
    }
  }

  #compare(): boolean | undefined {
    const pattern = this.#pattern;
    const text = this.#text;
    for (; this.#t < text.length; this.#stepsLeft -= 1) {
      if (this.#stepsLeft <= 0) return undefined;
      if (pattern.charCodeAt(this.#p) === STAR) {
        this.#starAt = this.#p;
        this.#starTakes = this.#t;
        this.#p += 1;
        if (this.#p === pattern.length) return true;
        continue;
      }
      const end = this.#p < pattern.length ? this.#matchOne(this.#p, text.charCodeAt(this.#t)) : NOWHERE;
      if (end !== NOWHERE) {
        this.#p = end;
        this.#t += 1;
      } else if (this.#starAt === NOWHERE) return false;
      else {
        // Earlier stars need no other try: the last star can take whatever they could.
        this.#starTakes += 1;
        this.#t = this.#starTakes;
        this.#p = this.#starAt + 1;
      }
    }
    let rest = this.#p;
    while (pattern.charCodeAt(rest) === STAR) rest += 1;
    this.#stepsLeft -= rest - this.#p;
    return rest >= pattern.length;
  }

  /** Where the pattern goes on if its part at `at` matches the character; {@link NOWHERE} if it does not. */
  #matchOne(at: number, character: number): number {
    const pattern = this.#pattern;
    const code = pattern.charCodeAt(at);
    switch (code) {
      case QUESTION_MARK:
        return at + 1;
      case OPENING:
        return this.#matchClass(at + 1, character);
      case BACKSLASH:
        if (at + 1 < pattern.length) return pattern.charCodeAt(at + 1) === character ? at + 2 : NOWHERE;
        return character === BACKSLASH ? at + 1 : NOWHERE;
      default:
        return code === character ? at + 1 : NOWHERE;
    }
  }

  /** A class that is not closed ends with the pattern. */
  #matchClass(from: number, character: number): number {
    const pattern = this.#pattern;
    const isNegated = pattern.charCodeAt(from) === CARET;
    let at = isNegated ? from + 1 : from;
    let isIn = false;
    while (at < pattern.length && pattern.charCodeAt(at) !== CLOSING) {
      if (pattern.charCodeAt(at) === BACKSLASH && at + 1 < pattern.length) at += 1;
      const first = pattern.charCodeAt(at);
      const isRange =
        pattern.charCodeAt(at + 1) === DASH &&
        at + 2 < pattern.length &&
        pattern.charCodeAt(at + 2) !== CLOSING;
      const last = isRange ? pattern.charCodeAt(at + 2) : first;
      if (character >= Math.min(first, last) && character <= Math.max(first, last)) isIn = true;
      at += isRange ? 3 : 1;
    }
    this.#stepsLeft -= at - from;
    return isIn === isNegated ? NOWHERE : Math.min(at + 1, pattern.length);
  }
}
