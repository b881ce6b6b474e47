/** The part of WebAssembly that is used here: Node has it, but its types come with those of browsers. */

declare namespace WebAssembly {
  class Memory {
    /** Throws RangeError when there is no address space for it. */
    constructor(descriptor: { /** Pages of 64 KiB. */ readonly initial: number });
    readonly buffer: ArrayBuffer;
  }
}
