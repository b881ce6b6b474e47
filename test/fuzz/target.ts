/** What is fuzzed: a part of the program that takes bytes from outside. */

export interface Target {
  readonly name: string;
  /** Inputs to begin with, beside those of the corpus: good ones, so that most of the way is known. */
  readonly seeds: readonly Uint8Array[];
  /** Words of the language that inputs are in, one character per byte. */
  readonly words: readonly string[];
  readonly maxBytes: number;
  /** Throws, or rejects, when the part does not do with the input what it promises for any. */
  run(input: Uint8Array): void | Promise<void>;
}

/** What a part does with an input is not what it promises. */
export class BrokenPromiseError extends Error {
  readonly code = 'BROKEN_PROMISE';

  constructor(reason: string) {
    super(reason);
    this.name = 'BrokenPromiseError';
  }
}

/** Throws {@link BrokenPromiseError} unless `isKept`. */
export function promise(isKept: boolean, reason: () => string): asserts isKept {
  if (!isKept) throw new BrokenPromiseError(reason());
}

/** What `read` returns; undefined when it refuses the bytes with an error of one of these kinds. Any other error goes on. */
export function unlessRefused<T>(
  read: () => T,
  ...kinds: readonly (abstract new (
    ...args: never
  ) => Error)[]
): T | undefined {
  try {
    return read();
  } catch (error) {
    if (kinds.some((kind) => error instanceof kind)) return undefined;
    throw error;
  }
}

/** Anything as text that is equal for equal things. */
export function textOf(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (typeof part === 'bigint') return `${part}n`;
    if (typeof part === 'symbol') return part.toString();
    if (part instanceof Map) return [...part];
    if (part instanceof Set) return [...part];
    if (part instanceof Uint8Array) return Buffer.from(part).toString('latin1');
    return part;
  });
}

/** Where to cut an input: drawn from the input itself, so that it says all. */
export function cutsOf(input: Uint8Array): readonly number[] {
  const cuts: number[] = [];
  let state = 0x9e3779b9;
  for (const byte of input) state = Math.imul(state ^ byte, 0x01000193);
  for (let at = 0; at < input.byteLength; ) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d);
    // Mostly short pieces, now and then a longer one.
    at += 1 + ((state >>> 8) % ((state & 7) === 0 ? 64 : 4));
    if (at < input.byteLength) cuts.push(at);
  }
  return cuts;
}

/** The input in pieces. */
export function piecesOf(input: Uint8Array): readonly Uint8Array[] {
  const ends = [...cutsOf(input), input.byteLength];
  return ends.map((end, place) => input.subarray(ends[place - 1] ?? 0, end));
}
