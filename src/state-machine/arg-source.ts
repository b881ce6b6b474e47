/** The arguments of a command after its name, of which there may be a million, read one after the other. */

import type { ByteString } from '../bytes/byte-string.js';
import type { Args } from '../protocol/command.js';

export interface ArgSource {
  readonly count: number;
  /** How many {@link next} has not returned. */
  readonly left: number;
  /** The next one. There must be one left. */
  next(): ByteString;
  /** Begins again with the first. */
  rewind(): void;
}

/** Arguments that are there as a list. */
export class ListedArgs implements ArgSource {
  readonly #args: Args;
  #read = 0;

  constructor(args: Args) {
    this.#args = args;
  }

  get count(): number {
    return this.#args.length;
  }

  get left(): number {
    return this.#args.length - this.#read;
  }

  next(): string {
    this.#read += 1;
    return this.#args[this.#read - 1] ?? '';
  }

  rewind(): void {
    this.#read = 0;
  }
}
