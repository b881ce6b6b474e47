/**
 * What is on a simulated disk: files and directories as the operating system shows them, and as they would be after the end
 * of the machine. See src/storage/files.ts for what is kept.
 */

import type { Random } from '../../../tools/support/random.js';

export const SECTOR_BYTES = 512;

/** Undefined is a sector full of zeros. */
type Sector = Uint8Array | undefined;

/** Something that was done and not synced. Rising numbers say what came before what. */
interface Unsynced<T> {
  readonly time: number;
  readonly value: T;
}

const ZEROS = new Uint8Array(SECTOR_BYTES);

export class FileNode {
  #length = 0;
  #keptLength = 0;
  #lengths: Unsynced<number>[] = [];
  readonly #sectors = new Map<number, Uint8Array>();
  readonly #kept = new Map<number, Uint8Array>();
  readonly #unsynced = new Map<number, Unsynced<Sector>[]>();
  /** Counts what was done to the file. */
  #time = 0;

  get length(): number {
    return this.#length;
  }

  /** What is done from now on is not covered by a sync that begins now. */
  get time(): number {
    return this.#time;
  }

  /** Makes it empty. */
  truncate(): void {
    this.#time += 1;
    for (const place of this.#sectors.keys()) this.#replace(place, undefined);
    this.#setLength(0);
  }

  /** Writes those of the bytes that lie in a sector for which `isTaken` says so. */
  write(bytes: Uint8Array, position: number, isTaken: (sector: number) => boolean = () => true): void {
    this.#time += 1;
    const end = position + bytes.byteLength;
    let reached = this.#length;
    for (let at = position; at < end; ) {
      const place = Math.floor(at / SECTOR_BYTES);
      const sectorEnd = Math.min(end, (place + 1) * SECTOR_BYTES);
      if (isTaken(place)) {
        const sector = new Uint8Array(this.#sectors.get(place) ?? ZEROS);
        sector.set(bytes.subarray(at - position, sectorEnd - position), at - place * SECTOR_BYTES);
        this.#replace(place, Buffer.compare(sector, ZEROS) === 0 ? undefined : sector);
        reached = Math.max(reached, sectorEnd);
      }
      at = sectorEnd;
    }
    if (reached > this.#length) this.#setLength(reached);
  }

  /** Returns how many bytes were read, into the first ones. */
  read(bytes: Uint8Array, position: number): number {
    const end = Math.min(this.#length, position + bytes.byteLength);
    for (let at = position; at < end; ) {
      const place = Math.floor(at / SECTOR_BYTES);
      const from = at - place * SECTOR_BYTES;
      const sectorEnd = Math.min(end, (place + 1) * SECTOR_BYTES);
      const sector = this.#sectors.get(place) ?? ZEROS;
      bytes.set(sector.subarray(from, from + sectorEnd - at), at - position);
      at = sectorEnd;
    }
    return Math.max(0, end - position);
  }

  /** Whatever was done up to this time survives the end of the machine. */
  sync(time = this.#time): void {
    for (const place of this.#unsynced.keys()) this.#keepLast(place, time);
    const length = this.#lengths.findLast((one) => one.time <= time);
    if (length === undefined) return;
    this.#keptLength = length.value;
    this.#lengths = this.#lengths.filter((one) => one.time > time);
  }

  /** A sync that failed: some of it is on the disk, and the operating system forgets that the rest is not. */
  failSync(random: Random): void {
    this.#settle(random);
  }

  /** What these bytes hold now survives the end of the machine. */
  syncRange(position: number, byteLength: number): void {
    const end = position + byteLength;
    for (let place = Math.floor(position / SECTOR_BYTES); place * SECTOR_BYTES < end; place += 1)
      this.#keepLast(place, this.#time);
  }

  /** The machine ended. */
  losePower(random: Random): void {
    this.#settle(random);
    this.#length = this.#keptLength;
    this.#sectors.clear();
    for (const [place, sector] of this.#kept) {
      if (place * SECTOR_BYTES < this.#length) this.#sectors.set(place, sector);
      else this.#kept.delete(place);
    }
  }

  #settle(random: Random): void {
    for (const [place, versions] of this.#unsynced) {
      const chosen = random.below(versions.length + 1);
      if (chosen > 0) this.#keep(place, versions[chosen - 1]?.value);
    }
    this.#unsynced.clear();
    const chosen = random.below(this.#lengths.length + 1);
    if (chosen > 0) this.#keptLength = this.#lengths[chosen - 1]?.value ?? 0;
    this.#lengths = [];
  }

  #replace(place: number, value: Sector): void {
    if (value === undefined) this.#sectors.delete(place);
    else this.#sectors.set(place, value);
    const versions = this.#unsynced.get(place);
    if (versions === undefined) {
      if (value === undefined && !this.#kept.has(place)) return;
      this.#unsynced.set(place, [{ time: this.#time, value }]);
      return;
    }
    versions.push({ time: this.#time, value });
  }

  #setLength(value: number): void {
    this.#length = value;
    this.#lengths.push({ time: this.#time, value });
  }

  #keepLast(place: number, time: number): void {
    const versions = this.#unsynced.get(place);
    const last = versions?.findLast((one) => one.time <= time);
    if (versions === undefined || last === undefined) return;
    this.#keep(place, last.value);
    const later = versions.filter((one) => one.time > time);
    if (later.length > 0) this.#unsynced.set(place, later);
    else this.#unsynced.delete(place);
  }

  #keep(place: number, value: Sector): void {
    if (value === undefined) this.#kept.delete(place);
    else this.#kept.set(place, value);
  }
}

/** A change of the names in a directory, kept or forgotten as a whole. */
interface NameChange {
  readonly removed?: string;
  readonly added?: { readonly name: string; readonly node: Node };
}

export type Node = FileNode | DirectoryNode;

export class DirectoryNode {
  readonly #names = new Map<string, Node>();
  readonly #kept = new Map<string, Node>();
  #unsynced: Unsynced<NameChange>[] = [];
  #time = 0;

  get time(): number {
    return this.#time;
  }

  /** Sorted. */
  get names(): readonly string[] {
    return [...this.#names.keys()].sort();
  }

  get(name: string): Node | undefined {
    return this.#names.get(name);
  }

  add(name: string, node: Node): void {
    this.#change({ added: { name, node } });
  }

  remove(name: string): void {
    this.#change({ removed: name });
  }

  rename(from: string, to: string, node: Node): void {
    this.#change({ removed: from, added: { name: to, node } });
  }

  sync(time = this.#time): void {
    for (const one of this.#unsynced) if (one.time <= time) apply(one.value, this.#kept);
    this.#unsynced = this.#unsynced.filter((one) => one.time > time);
  }

  failSync(random: Random): void {
    for (const { value } of this.#unsynced) if (random.chance(0.5)) apply(value, this.#kept);
    this.#unsynced = [];
  }

  losePower(random: Random): void {
    this.failSync(random);
    this.#names.clear();
    for (const [name, node] of this.#kept) {
      this.#names.set(name, node);
      node.losePower(random);
    }
  }

  #change(change: NameChange): void {
    this.#time += 1;
    apply(change, this.#names);
    this.#unsynced.push({ time: this.#time, value: change });
  }
}

function apply({ removed, added }: NameChange, names: Map<string, Node>): void {
  if (removed !== undefined) names.delete(removed);
  if (added !== undefined) names.set(added.name, added.node);
}
