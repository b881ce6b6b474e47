/** The hashes of keys that commands in a row are to look up. */

const LEAST_HASHES = 1_024;

/** A list of hashes without an object for each number. */
export class HashList {
  hashes = new Uint32Array(LEAST_HASHES);
  count = 0;

  add(hash: number): void {
    if (this.count === this.hashes.length) {
      const grown = new Uint32Array(2 * this.count);
      grown.set(this.hashes);
      this.hashes = grown;
    }
    this.hashes[this.count] = hash;
    this.count += 1;
  }

  at(place: number): number {
    return this.hashes[place] ?? 0;
  }

  clear(): void {
    this.count = 0;
  }
}
