/** Makes new inputs out of those that were of interest. */

import type { Random } from '../../tools/support/random.js';

const MAX_CHANGES = 4;
const MAX_BLOCK_BYTES = 64;
/** Where numbers end, and where lengths and counts of the protocols do. */
const NUMBERS = [
  0, 1, 2, 7, 15, 16, 31, 32, 63, 64, 100, 127, 128, 250, 251, 255, 256, 511, 512, 513, 1023, 1024,
];
const LARGE_NUMBERS = [
  32_767, 65_535, 65_536, 1_048_576, 1_048_577, 2_147_483_647, 2_147_483_648, 4_294_967_295,
];
const TEXT_NUMBERS = [
  '-1',
  '9007199254740993',
  '9223372036854775807',
  '-9223372036854775808',
  '1e5',
  '0.1',
  'nan',
  '+inf',
];

type Change = (bytes: Buffer, random: Random) => Buffer;

export class Mutator {
  readonly #random: Random;
  readonly #words: readonly Buffer[];
  readonly #maxBytes: number;
  readonly #changes: readonly Change[];

  /** @param words of the language that inputs are in */
  constructor(random: Random, words: readonly string[], maxBytes: number) {
    this.#random = random;
    this.#words = words.map((word) => Buffer.from(word, 'latin1'));
    this.#maxBytes = maxBytes;
    this.#changes = [
      flipBit,
      setByte,
      setNumber,
      removeBlock,
      repeatBlock,
      moveBlock,
      insertByte,
      insertTextNumber,
      (bytes) => this.#insertWord(bytes),
      (bytes) => this.#insertWord(bytes),
    ];
  }

  /** One of the inputs with some changes, or parts of two. */
  next(inputs: readonly Uint8Array[]): Buffer {
    const random = this.#random;
    let bytes: Buffer = Buffer.from(random.of(inputs));
    if (random.chance(0.2)) bytes = spliced(bytes, random.of(inputs), random);
    for (let left = 1 + random.below(MAX_CHANGES); left > 0; left -= 1)
      bytes = random.of(this.#changes)(bytes, random);
    return bytes.subarray(0, this.#maxBytes);
  }

  #insertWord(bytes: Buffer): Buffer {
    return this.#words.length === 0 ? bytes : inserted(bytes, this.#random.of(this.#words), this.#random);
  }
}

function spliced(bytes: Buffer, other: Uint8Array, random: Random): Buffer {
  const [end, start] = [random.below(bytes.byteLength + 1), random.below(other.byteLength + 1)];
  return Buffer.concat([bytes.subarray(0, end), other.subarray(start)]);
}

function inserted(bytes: Buffer, piece: Uint8Array, random: Random): Buffer {
  const at = random.below(bytes.byteLength + 1);
  const over = random.chance(0.3) ? piece.byteLength : 0;
  return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at + over)]);
}

function flipBit(bytes: Buffer, random: Random): Buffer {
  const at = random.below(bytes.byteLength);
  const byte = bytes[at];
  if (byte !== undefined) bytes[at] = byte ^ (1 << random.below(8));
  return bytes;
}

function setByte(bytes: Buffer, random: Random): Buffer {
  if (bytes.byteLength > 0) bytes[random.below(bytes.byteLength)] = random.below(256);
  return bytes;
}

/** Writes a number as the frames and files have them, in either order of bytes. */
function setNumber(bytes: Buffer, random: Random): Buffer {
  const number = random.of(random.chance(0.5) ? NUMBERS : LARGE_NUMBERS);
  const width = random.of([1, 2, 4, 8] as const);
  if (bytes.byteLength < width) return bytes;
  const at = random.below(bytes.byteLength - width + 1);
  if (width === 8) bytes.writeDoubleLE(number, at);
  else if (random.chance(0.3)) bytes.writeUIntBE(number % 2 ** (8 * width), at, width);
  else bytes.writeUIntLE(number % 2 ** (8 * width), at, width);
  return bytes;
}

function removeBlock(bytes: Buffer, random: Random): Buffer {
  const { start, end } = blockOf(bytes, random);
  return Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)]);
}

function repeatBlock(bytes: Buffer, random: Random): Buffer {
  const { start, end } = blockOf(bytes, random);
  const block = bytes.subarray(start, end);
  const times = random.chance(0.1) ? 1 + random.below(100) : 1;
  return Buffer.concat([bytes.subarray(0, end), ...Array<Buffer>(times).fill(block), bytes.subarray(end)]);
}

function moveBlock(bytes: Buffer, random: Random): Buffer {
  const { start, end } = blockOf(bytes, random);
  const rest = Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)]);
  return inserted(rest, bytes.subarray(start, end), random);
}

function insertByte(bytes: Buffer, random: Random): Buffer {
  return inserted(bytes, Uint8Array.of(random.below(256)), random);
}

function insertTextNumber(bytes: Buffer, random: Random): Buffer {
  const number = random.chance(0.5) ? `${random.of(NUMBERS)}` : random.of(TEXT_NUMBERS);
  return inserted(bytes, Buffer.from(number), random);
}

function blockOf(bytes: Buffer, random: Random): { readonly start: number; readonly end: number } {
  const start = random.below(bytes.byteLength + 1);
  return { start, end: Math.min(bytes.byteLength, start + 1 + random.below(MAX_BLOCK_BYTES)) };
}
