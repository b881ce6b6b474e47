/** What is fuzzed: a part of the program that takes bytes from outside. */

import { crc32 } from 'node:zlib';

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

/** Whether both are made of the same fields, items and bytes. As text they would be compared in several times as long. */
export function isSame(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true;
  if (!isObject(one) || !isObject(other)) return false;
  if (one instanceof Uint8Array) return other instanceof Uint8Array && Buffer.compare(one, other) === 0;
  for (const name in one) if (!isSame(one[name], other[name])) return false;
  for (const name in other) if (!(name in one)) return false;
  return true;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** Whether the input is one of the few, one of `count`, for which there is time for what takes long: drawn from the input itself. */
export function isOneOf(count: number, input: Uint8Array): boolean {
  return crc32(input) % count === 0;
}

/** Anything as text that is equal for equal things, bytes too. By hand: JSON.stringify with a function takes ten times as long. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value !== 'object' || value === null) return String(value);
  if (value instanceof Uint8Array) return JSON.stringify(Buffer.prototype.latin1Slice.call(value));
  if (value instanceof Map || value instanceof Set) return textOf([...value]);
  let text = '';
  if (Array.isArray(value)) {
    for (const item of value) text += `${textOf(item)},`;
    return `[${text}]`;
  }
  for (const [name, item] of Object.entries(value))
    if (item !== undefined) text += `${name}:${textOf(item)},`;
  return `{${text}}`;
}

/** Of this many inputs one is cut into many small pieces, the others into a few. */
const SHREDDED_OF = 8;
const MAX_CUTS = 4;

/** Where to cut an input: drawn from the input itself, so that it says all. In rising order, each within the input. */
export function cutsOf(input: Uint8Array): readonly number[] {
  let state = 0x9e3779b9;
  for (const byte of input) state = Math.imul(state ^ byte, 0x01000193);
  const next = (count: number) => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d);
    return (state >>> 8) % count;
  };
  const cuts: number[] = [];
  if (next(SHREDDED_OF) === 0)
    for (let at = 1 + next(4); at < input.byteLength; at += 1 + next(next(8) === 0 ? 64 : 4)) cuts.push(at);
  else if (input.byteLength > 1)
    for (let left = 1 + next(MAX_CUTS); left > 0; left -= 1) cuts.push(1 + next(input.byteLength - 1));
  return cuts.sort((a, b) => a - b);
}

/** The input in pieces. */
export function piecesOf(input: Uint8Array): readonly Uint8Array[] {
  const ends = [...cutsOf(input), input.byteLength];
  return ends.map((end, place) => input.subarray(ends[place - 1] ?? 0, end));
}
