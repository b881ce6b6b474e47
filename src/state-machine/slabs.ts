/**
 * Memory for many small byte strings, outside the heap that the garbage collector looks through.
 *
 * It is taken in pages, each cut into slots of one size. Sizes grow in steps of a seventh to a quarter, so that less than a
 * fifth of a large slot is wasted. A string that is too large for any slot has a page of its own. A page without used slots
 * is given back.
 */

import { type Memory, memoryOf } from '../bytes/byte-reader.js';

/** Where a slot begins: its page's number in the upper bits, the place in it in the lower ones. A u32, never 0. */
export type Address = number;

/** Slots begin at multiples of 16 bytes. */
const UNIT_SHIFT = 4;
const PAGE_SHIFT = 14;
const PLACE_MASK = 2 ** PAGE_SHIFT - 1;
const PAGE_BYTES = 2 ** (PAGE_SHIFT + UNIT_SHIFT);
/** A larger slot is a page. */
export const MAX_SLOT_BYTES = PAGE_BYTES / 8;
/** Beyond it addresses do not fit into 32 bits: 64 GiB of small slots, or 8 GiB and more of large ones. */
const MAX_PAGES = 2 ** (32 - PAGE_SHIFT);

export class Page {
  /** Never the page itself in its place: code that copies between memories of two shapes takes twice as long. */
  readonly memory: Memory;
  readonly view: DataView;
  readonly number: number;
  readonly slotBytes: number;
  /** Slots that are in use. */
  used = 0;
  /** Slots from this byte on have never been used. */
  cutTo = 0;
  /** The list of free slots: the first byte of the slot freed last, which holds that of the next one; -1 ends the list. */
  freeSlot = NO_SLOT;
  /** Its place in the list of pages with room. */
  place = 0;

  constructor(number: number, slotBytes: number) {
    this.memory = memoryOf(new Uint8Array(slotBytes > MAX_SLOT_BYTES ? slotBytes : PAGE_BYTES));
    this.view = this.memory.view;
    this.number = number;
    this.slotBytes = slotBytes;
  }

  get isFull(): boolean {
    return this.freeSlot === NO_SLOT && this.cutTo + this.slotBytes > this.memory.bytes.byteLength;
  }
}

const NO_SLOT = -1;

export class Slabs {
  /** The first number is left out, so that no address is 0. */
  readonly #pages: (Page | undefined)[] = [undefined];
  readonly #freeNumbers: number[] = [];
  /** The pages with room, by slot size in units of 16 bytes; undefined for a size that was never asked for. */
  readonly #withRoom = new Array<Page[] | undefined>((MAX_SLOT_BYTES >>> UNIT_SHIFT) + 1).fill(undefined);

  /** A slot of at least `byteCount` bytes, whose content is arbitrary. Throws RangeError when there is no memory left. */
  allocate(byteCount: number): Address {
    const slotBytes = slotBytesFor(byteCount);
    if (slotBytes > MAX_SLOT_BYTES) {
      const page = this.#newPage(slotBytes);
      page.used = 1;
      return addressOf(page, 0);
    }
    const page = this.#pageWithRoom(slotBytes);
    let start = page.freeSlot;
    if (start === NO_SLOT) {
      start = page.cutTo;
      page.cutTo += slotBytes;
    } else {
      page.freeSlot = page.view.getInt32(start);
    }
    page.used += 1;
    if (page.isFull) leave(this.#listOf(slotBytes), page);
    return addressOf(page, start);
  }

  free(address: Address): void {
    const page = this.page(address);
    page.used -= 1;
    if (page.slotBytes > MAX_SLOT_BYTES) {
      this.#release(page);
      return;
    }
    const withRoom = this.#listOf(page.slotBytes);
    const wasFull = page.isFull;
    const start = startOf(address);
    page.view.setInt32(start, page.freeSlot);
    page.freeSlot = start;
    if (wasFull) enter(withRoom, page);
    // One empty page is kept, so that taking and freeing one slot again and again does not cost a page each time.
    if (page.used > 0 || withRoom.length === 1) return;
    leave(withRoom, page);
    this.#release(page);
  }

  /** Whether `byteCount` bytes fit into the slot, and would not be given a smaller one. */
  fits(address: Address, byteCount: number): boolean {
    return this.page(address).slotBytes === slotBytesFor(byteCount);
  }

  page(address: Address): Page {
    const page = this.#pages[address >>> PAGE_SHIFT];
    if (page === undefined) throw missing('page at', address);
    return page;
  }

  #pageWithRoom(slotBytes: number): Page {
    const withRoom = this.#listOf(slotBytes);
    const last = withRoom.at(-1);
    if (last !== undefined) return last;
    const page = this.#newPage(slotBytes);
    enter(withRoom, page);
    return page;
  }

  #listOf(slotBytes: number): Page[] {
    const units = slotBytes >>> UNIT_SHIFT;
    const list = this.#withRoom[units];
    if (list !== undefined) return list;
    const added: Page[] = [];
    this.#withRoom[units] = added;
    return added;
  }

  #newPage(slotBytes: number): Page {
    const number = this.#freeNumbers.pop() ?? this.#pages.length;
    if (number >= MAX_PAGES) throw new RangeError('there are too many pages to address');
    const page = new Page(number, slotBytes);
    this.#pages[number] = page;
    return page;
  }

  #release(page: Page): void {
    this.#pages[page.number] = undefined;
    this.#freeNumbers.push(page.number);
  }
}

/**
 * The error for a number that leads nowhere. The message is put together here: in a function with several such places, the
 * compiler would turn the number into text even where nothing is thrown.
 */
export function missing(what: string, number: number): RangeError {
  return new RangeError(`there is no ${what} ${number}`);
}

function enter(withRoom: Page[], page: Page): void {
  page.place = withRoom.length;
  withRoom.push(page);
}

/** The last takes its place. */
function leave(withRoom: Page[], page: Page): void {
  const last = withRoom.pop();
  if (last === undefined || last === page) return;
  last.place = page.place;
  withRoom[page.place] = last;
}

/** The byte in its page at which a slot begins. */
export function startOf(address: Address): number {
  return (address & PLACE_MASK) << UNIT_SHIFT;
}

function addressOf(page: Page, start: number): Address {
  return ((page.number << PAGE_SHIFT) | (start >>> UNIT_SHIFT)) >>> 0;
}

/** The size of the slot for `byteCount` bytes: four sizes from one power of two to the next, multiples of 16. */
function slotBytesFor(byteCount: number): number {
  const shift = Math.max(UNIT_SHIFT, 29 - Math.clz32(byteCount - 1));
  return (((byteCount - 1) >>> shift) + 1) << shift;
}
