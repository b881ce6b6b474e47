/** A pattern of PSUBSCRIBE: most differ from a channel in their first characters, which costs next to nothing. */

import { GlobMatch } from '../../../state-machine/redis/glob.js';
import { Work } from '../../../state-machine/work.js';

export class Pattern {
  readonly text: string;
  /** The characters that it begins with, whatever follows. */
  readonly #prefix: string;
  /** Whatever begins with the prefix matches. */
  readonly #isPrefix: boolean;
  readonly #match: GlobMatch;

  constructor(text: string) {
    this.text = text;
    this.#prefix = /^[^*?[\\]*/.exec(text)?.[0] ?? '';
    this.#isPrefix = text === `${this.#prefix}*`;
    this.#match = new GlobMatch(text);
  }

  /** Whether the whole channel matches. The work is bounded by the lengths: see glob.ts. */
  matches(channel: string, work: Work): boolean {
    if (!channel.startsWith(this.#prefix)) return false;
    if (this.#isPrefix) return true;
    this.#match.begin(channel);
    const all = new Work();
    const isMatch = this.#match.goOn(all) === true;
    work.units += all.units;
    return isMatch;
  }
}
