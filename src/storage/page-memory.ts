/**
 * Memory that begins where a page does, as writes past the page cache need it. It goes back to the operating system when it is
 * unused.
 */

import { allocateMapped } from '../bytes/mapped-memory.js';
import type { LogMemory } from './files.js';

const LEAST_BYTES = 256 * 1024;

export class PageMemory implements LogMemory {
  #bytes: Buffer = Buffer.alloc(0);

  take(byteLength: number): Buffer {
    const room = this.#bytes.byteLength;
    if (byteLength > room) this.#bytes = allocateMapped(Math.max(byteLength, 2 * room, LEAST_BYTES));
    return this.#bytes.subarray(0, byteLength);
  }
}
