/**
 * A part of the index of a {@link RecordTable}: an open hash table with linear probing.
 */

import type { RecordId } from './record-id.js';

const LEAST_SLOTS = 8;

/** One more than the largest hash. */
export const HASHES = 2 ** 32;

/** Keys that {@link RecordTable.inHashOrder} found: all that there are up to `end`, which is not included. */
export interface HashRange {
  readonly keys: readonly { readonly hash: number; readonly id: RecordId }[];
  readonly end: number;
  /** How many places were looked at, which depends on how the table grew. */
  readonly lookedAt: number;
}

export interface Shard {
  /** Pairs of a key's hash and its entry, at the hash's own place or after it; an entry of 0 is none. */
  slots: Uint32Array;
  count: number;
}

export function newShard(): Shard {
  return { slots: new Uint32Array(LEAST_SLOTS), count: 0 };
}

/** The place of a hash in slots whose length is `mask` plus 1. */
export function placeOf(hash: number, mask: number): number {
  return (hash << 1) & mask;
}

/** Adds an entry, which is not 0. Returns how many others were moved to make room. */
export function insertEntry(shard: Shard, hash: number, entry: number): number {
  let moved = 0;
  if (shard.count * 4 >= shard.slots.length) {
    moved = shard.count;
    grow(shard);
  }
  insert(shard.slots, hash, entry);
  shard.count += 1;
  return moved;
}

/** Removes the entry. Closes the gap: moves back later entries that probing pushed past this place. */
export function removeEntry(shard: Shard, hash: number, entry: number): void {
  const { slots } = shard;
  const mask = slots.length - 1;
  let hole = placeOf(hash, mask);
  while (slots[hole + 1] !== entry) hole = (hole + 2) & mask;
  for (let place = (hole + 2) & mask; ; place = (place + 2) & mask) {
    const other = slots[place + 1] ?? 0;
    if (other === 0) break;
    const otherHash = slots[place] ?? 0;
    // Distances from here back around the ring: an entry whose own place is after the hole stays where it is.
    if (((place - placeOf(otherHash, mask)) & mask) < ((place - hole) & mask)) continue;
    slots[hole] = otherHash;
    slots[hole + 1] = other;
    hole = place;
  }
  slots[hole + 1] = 0;
  shard.count -= 1;
}

/** The ids of entries, each an id plus 1, whose hashes are in [from, to), in no particular order. It looks at all places. */
export function idsBetween(
  { slots }: Shard,
  from: number,
  to: number,
): { readonly hash: number; readonly id: RecordId }[] {
  const found: { readonly hash: number; readonly id: RecordId }[] = [];
  for (let place = 0; place < slots.length; place += 2) {
    const hash = slots[place] ?? 0;
    const entry = slots[place + 1] ?? 0;
    if (hash >= from && hash < to && entry !== 0) found.push({ hash, id: entry - 1 });
  }
  return found;
}

function insert(slots: Uint32Array, hash: number, entry: number): void {
  const mask = slots.length - 1;
  let place = placeOf(hash, mask);
  while (slots[place + 1] !== 0) place = (place + 2) & mask;
  slots[place] = hash;
  slots[place + 1] = entry;
}

function grow(shard: Shard): void {
  const { slots } = shard;
  const grown = new Uint32Array(slots.length * 2);
  for (let place = 0; place < slots.length; place += 2) {
    const entry = slots[place + 1] ?? 0;
    if (entry !== 0) insert(grown, slots[place] ?? 0, entry);
  }
  shard.slots = grown;
}
