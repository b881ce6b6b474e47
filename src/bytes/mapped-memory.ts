/**
 * Memory that the operating system gets back as soon as it is collected. What `malloc` gives is kept in an arena of the thread
 * while anything after it there is in use: once many clients had much waiting, most of that memory stayed for ever.
 *
 * It is that of WebAssembly, which always begins at a page, and cannot be transferred to another thread. Node may have been
 * told to do without the gigabytes of address space that it reserves: then it is any memory.
 */

/** Page size of WebAssembly; a multiple of processors' page sizes. */
export const MAPPED_PAGE_BYTES = 64 * 1024;

/** At least this many bytes, all zero. */
export function allocateMapped(byteLength: number): Buffer {
  const initial = Math.ceil(byteLength / MAPPED_PAGE_BYTES);
  try {
    return Buffer.from(new WebAssembly.Memory({ initial }).buffer);
  } catch {
    return Buffer.alloc(byteLength);
  }
}

let letGoBytes = 0;

/** That much memory of {@link allocateMapped} is needed no more: it goes back with the next collection of the whole heap. */
export function letGo(byteLength: number): void {
  letGoBytes += byteLength;
}

/** How much this thread has let go since the last call. */
export function takeLetGoBytes(): number {
  const byteCount = letGoBytes;
  letGoBytes = 0;
  return byteCount;
}
