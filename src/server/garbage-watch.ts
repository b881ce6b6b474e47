/**
 * Has V8 collect a thread's old garbage before there is much of it.
 *
 * What survives two collections of the nursery is garbage until the whole heap is marked. By itself V8 begins with that once a
 * thread has 64 MiB more of buffers than after the last time, which for four threads comes to more than all that they hold.
 */

import { getHeapStatistics } from 'node:v8';
import { takeLetGoBytes } from '../bytes/mapped-memory.js';

const MIB = 1024 * 1024;

/** So much more than after the last collection is enough for one: these bytes, or this share of what was left. */
const ENOUGH_BYTES = 6 * MIB;
const ENOUGH_SHARE = 1 / 8;

/** Looks between two collections, so that one whose memory does grow spends next to nothing on them. */
const LOOKS_BETWEEN = 10;

/** A buffer of as many bytes has V8 begin, whatever it has counted so far. They are never written to, so they cost nothing. */
const WEIGHT_BYTES = 64 * MIB;

export interface GarbageWatchOptions {
  /** The bytes of the heap and of the buffers that it holds, garbage or not. */
  readonly heldBytes?: () => number;
  readonly collect?: () => void;
  /** Of buffers that are known to be garbage since the last call. */
  readonly takeLetGoBytes?: () => number;
}

export class GarbageWatch {
  readonly #heldBytes: () => number;
  readonly #collect: () => void;
  readonly #takeLetGoBytes: () => number;
  /** The least that was held since collecting began: about what was left by it. A start leaves much garbage. */
  #leftBytes = 0;
  #looks = 0;
  /** Known to be garbage since collecting began. */
  #letGoBytes = 0;

  constructor(options: GarbageWatchOptions = {}) {
    this.#heldBytes = options.heldBytes ?? heldBytesOfThread;
    this.#collect = options.collect ?? beginCollection;
    this.#takeLetGoBytes = options.takeLetGoBytes ?? takeLetGoBytes;
  }

  /** Called once a second: begins a collection if it may be worth it, which V8 does mostly in threads of its own. */
  look(): void {
    const bytes = this.#heldBytes();
    this.#leftBytes = Math.min(this.#leftBytes, bytes);
    this.#letGoBytes += this.#takeLetGoBytes();
    this.#looks += 1;
    const enough = Math.max(ENOUGH_BYTES, ENOUGH_SHARE * this.#leftBytes);
    const isEnough = bytes - this.#leftBytes >= enough || this.#letGoBytes >= ENOUGH_BYTES;
    if (this.#looks < LOOKS_BETWEEN || !isEnough) return;
    this.#looks = 0;
    this.#letGoBytes = 0;
    this.#leftBytes = Number.POSITIVE_INFINITY;
    this.#collect();
  }
}

function heldBytesOfThread(): number {
  const { used_heap_size: heap, external_memory: buffers } = getHeapStatistics();
  return heap + buffers;
}

/** V8 marks the heap when the buffers that it knows of become too many. Node has no call that makes it do so in small steps. */
function beginCollection(): void {
  try {
    new ArrayBuffer(WEIGHT_BYTES);
  } catch {
    // Without room for it in the address space: V8 does without.
  }
}
