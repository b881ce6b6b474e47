/**
 * Writes the parts of transactions that only compare, put and remove, in protobuf: a transaction has hundreds, for which the
 * encoder of all messages takes several times as long. The parts are fields of {@link PartedTxnRequest}, which is on the wire
 * what a TxnRequest is.
 */

/** What a part takes at most besides its strings and its value: tags, lengths and numbers. */
const MOST_BESIDE_BYTES = 40;

const BASE = 128;
const MORE = 0x80;
const BASE_BITS = 7n;

/** Tags: the number of a field times 8, and 2 if its length comes before it. */
const COMPARE_TARGET = 0x10;
const COMPARE_KEY = 0x1a;
const COMPARE_MOD_REVISION = 0x30;
const REQUEST_PUT = 0x12;
const REQUEST_DELETE_RANGE = 0x1a;
const KEY = 0x0a;
const PUT_VALUE = 0x12;
const PUT_LEASE = 0x18;
const RANGE_END = 0x12;

/** Of a Compare: it is about the revision of the last change. */
const MOD_REVISION = 2;

/** Each call returns a part. All parts are in memory of their own. Strings have one character per byte. */
export class TxnParts {
  readonly #bytes: Buffer;
  #at = 0;

  /**
   * @param parts how many there will be
   * @param byteLength of their strings and values, at most
   */
  constructor(parts: number, byteLength: number) {
    this.#bytes = Buffer.allocUnsafe(parts * MOST_BESIDE_BYTES + byteLength);
  }

  /** A Compare: that the key's last change was at this revision, or that there is no such key if it is 0. */
  unchanged(key: string, modRevision: number): Uint8Array {
    const start = this.#at;
    this.#u8(COMPARE_TARGET);
    this.#u8(MOD_REVISION);
    this.#text(COMPARE_KEY, key);
    this.#u8(COMPARE_MOD_REVISION);
    this.#number(modRevision);
    return this.#bytes.subarray(start, this.#at);
  }

  /** A RequestOp; without a lease if that is 0. */
  put(key: string, value: Uint8Array, lease: bigint): Uint8Array {
    const start = this.#at;
    const leaseLength = lease === 0n ? 0 : 1 + lengthOfLarge(lease);
    this.#u8(REQUEST_PUT);
    this.#number(sizeOf(key.length) + sizeOf(value.length) + leaseLength);
    this.#text(KEY, key);
    this.#u8(PUT_VALUE);
    this.#number(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
    if (lease !== 0n) {
      this.#u8(PUT_LEASE);
      this.#large(lease);
    }
    return this.#bytes.subarray(start, this.#at);
  }

  /** A RequestOp that removes the key, or all from it on up to `end`. */
  remove(key: string, end: string | undefined): Uint8Array {
    const start = this.#at;
    this.#u8(REQUEST_DELETE_RANGE);
    this.#number(sizeOf(key.length) + (end === undefined ? 0 : sizeOf(end.length)));
    this.#text(KEY, key);
    if (end !== undefined) this.#text(RANGE_END, end);
    return this.#bytes.subarray(start, this.#at);
  }

  #u8(value: number): void {
    this.#bytes[this.#at] = value;
    this.#at += 1;
  }

  #text(tag: number, text: string): void {
    this.#u8(tag);
    this.#number(text.length);
    this.#at += this.#bytes.write(text, this.#at, 'latin1');
  }

  #number(value: number): void {
    let left = value;
    for (; left >= BASE; left = Math.floor(left / BASE)) this.#u8((left % BASE) | MORE);
    this.#u8(left);
  }

  #large(value: bigint): void {
    let left = value;
    for (; left >= BigInt(BASE); left >>= BASE_BITS) this.#u8(Number(left % BigInt(BASE)) | MORE);
    this.#u8(Number(left));
  }
}

/** The bytes of a string or value of so many, with its tag and its length before it. */
function sizeOf(length: number): number {
  return 1 + lengthOfNumber(length) + length;
}

function lengthOfNumber(value: number): number {
  let length = 1;
  for (let left = value; left >= BASE; left = Math.floor(left / BASE)) length += 1;
  return length;
}

function lengthOfLarge(value: bigint): number {
  let length = 1;
  for (let left = value; left >= BigInt(BASE); left >>= BASE_BITS) length += 1;
  return length;
}
