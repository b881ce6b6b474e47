/**
 * Memory that begins where a page does, as writes past the page cache need it. It goes back to the operating system when it is
 * unused.
 */

import type { LogMemory } from './files.js';

const LEAST_BYTES = 256 * 1024;

export class PageMemory implements LogMemory {
  #bytes: Buffer = Buffer.alloc(0);

  take(byteLength: number): Buffer {
    const room = this.#bytes.byteLength;
    if (byteLength > room) this.#bytes = allocateAtPage(Math.max(byteLength, 2 * room, LEAST_BYTES));
    return this.#bytes.subarray(0, byteLength);
  }
}

/** Page size of WebAssembly; a multiple of processors' page sizes. */
const PAGE_BYTES = 64 * 1024;

/**
 * Node lets nobody choose where a Buffer is; the memory of WebAssembly always begins at a page. It reserves gigabytes of
 * address space, and Node may have been told to do without: then it is any memory, and goes through the page cache.
 */
function allocateAtPage(byteLength: number): Buffer {
  try {
    return Buffer.from(new WebAssembly.Memory({ initial: Math.ceil(byteLength / PAGE_BYTES) }).buffer);
  } catch {
    return Buffer.allocUnsafeSlow(byteLength);
  }
}
