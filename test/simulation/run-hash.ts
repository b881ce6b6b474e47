/** The hash of a run: what two runs that are the same have in common. */

const FLOAT = new Float64Array(1);
const HALVES = new Int32Array(FLOAT.buffer);

export class RunHash {
  #hash = 0;

  /** Takes in one number more. */
  add(value: number): void {
    FLOAT[0] = value;
    for (const half of HALVES) {
      this.#hash = Math.imul(this.#hash ^ half, 0x5bd1e995);
      this.#hash ^= this.#hash >>> 15;
    }
  }

  /** Eight hexadecimal digits. */
  toString(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0');
  }
}
