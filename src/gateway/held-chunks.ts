/**
 * The chunks that routed connections hold their streams in. They lie in slabs, which go back to the operating system once nobody
 * has a chunk of them: see mapped-memory.ts.
 */

import { allocateMapped, letGo } from '../bytes/mapped-memory.js';
import { HELD_CHUNK_BYTES } from '../limits.js';

const HELD_SLAB_BYTES = 1024 * 1024;
const CHUNKS = HELD_SLAB_BYTES / HELD_CHUNK_BYTES;

interface Slab {
  readonly free: HeldChunk[];
}

export interface HeldChunk {
  readonly bytes: Buffer;
  readonly slab: Slab;
}

export class HeldChunks {
  /** Slabs with a free chunk. At most one of them is free as a whole. */
  readonly #withRoom = new Set<Slab>();
  #slabCount = 0;
  #free: Slab | undefined;

  /** Slabs that are kept. */
  get slabCount(): number {
    return this.#slabCount;
  }

  /** A chunk with bytes of whoever had it before. */
  take(): HeldChunk {
    const [slab = this.#add()] = this.#withRoom;
    const chunk = slab.free.pop();
    if (chunk === undefined) throw new TypeError('a slab without a free chunk is among those that have one');
    if (slab === this.#free) this.#free = undefined;
    if (slab.free.length === 0) this.#withRoom.delete(slab);
    return chunk;
  }

  /** Nobody reads the chunk any more. */
  giveBack(chunk: HeldChunk): void {
    const { slab } = chunk;
    slab.free.push(chunk);
    this.#withRoom.add(slab);
    if (slab.free.length < CHUNKS) return;
    if (this.#free === undefined) this.#free = slab;
    else {
      this.#withRoom.delete(slab);
      this.#slabCount -= 1;
      letGo(HELD_SLAB_BYTES);
    }
  }

  #add(): Slab {
    const memory = allocateMapped(HELD_SLAB_BYTES);
    const slab: Slab = { free: [] };
    for (let start = 0; start < HELD_SLAB_BYTES; start += HELD_CHUNK_BYTES)
      slab.free.push({ bytes: memory.subarray(start, start + HELD_CHUNK_BYTES), slab });
    this.#withRoom.add(slab);
    this.#slabCount += 1;
    this.#free = slab;
    return slab;
  }
}
