import { expect } from 'chai';
import fc from 'fast-check';
import { type Address, MAX_SLOT_BYTES, type Page, Slabs, startOf } from '../../src/state-machine/slabs.js';

const KIB = 1024;

/** Writes the byte all over the slot. */
function fill(slabs: Slabs, address: Address, byteCount: number, byte: number): void {
  const start = startOf(address);
  slabs.page(address).memory.bytes.fill(byte, start, start + byteCount);
}

function contentOf(slabs: Slabs, address: Address, byteCount: number): Uint8Array {
  const start = startOf(address);
  return slabs.page(address).memory.bytes.subarray(start, start + byteCount);
}

function isHeld(slabs: Slabs, page: Page, address: Address): boolean {
  try {
    return slabs.page(address) === page;
  } catch {
    return false;
  }
}

describe('slabs', () => {
  it('keep what is written into a slot, whatever happens to the others', () => {
    const byteCount = fc.oneof(
      fc.integer({ min: 1, max: 300 }),
      fc.constantFrom(4 * KIB, MAX_SLOT_BYTES, MAX_SLOT_BYTES + 1, 300 * KIB),
    );
    const step = fc.oneof(fc.record({ byteCount }), fc.record({ freed: fc.nat() }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const slabs = new Slabs();
        const slots: { readonly address: Address; readonly byteCount: number; readonly byte: number }[] = [];
        steps.forEach((next, i) => {
          if ('byteCount' in next) {
            const slot = {
              address: slabs.allocate(next.byteCount),
              byteCount: next.byteCount,
              byte: i % 256,
            };
            fill(slabs, slot.address, slot.byteCount, slot.byte);
            slots.push(slot);
          } else {
            for (const { address } of slots.splice(next.freed % (slots.length + 1), 1)) slabs.free(address);
          }
        });
        for (const { address, byteCount: length, byte } of slots)
          expect(contentOf(slabs, address, length).every((found) => found === byte)).to.equal(true);
      }),
      { numRuns: 50 },
    );
  });

  it('begin slots where 64-bit floats can be', () => {
    const slabs = new Slabs();
    for (let byteCount = 1; byteCount < 2 * MAX_SLOT_BYTES; byteCount += 97)
      expect(startOf(slabs.allocate(byteCount)) % 8).to.equal(0);
  });

  it('never give out the address 0', () => {
    const slabs = new Slabs();
    const addresses = Array.from({ length: 1_000 }, () => slabs.allocate(1));
    expect(addresses).to.not.include(0);
    expect(new Set(addresses).size).to.equal(1_000);
  });

  it('take no page while another has room', () => {
    const slabs = new Slabs();
    const addresses = Array.from({ length: 10_000 }, () => slabs.allocate(100));
    const pages = new Set(addresses.map((address) => slabs.page(address)));
    for (let i = 0; i < 5_000; i += 1)
      slabs.free(addresses.splice((i * 7_919) % addresses.length, 1)[0] ?? 0);
    for (let i = 0; i < 5_000; i += 1) expect(pages.has(slabs.page(slabs.allocate(100)))).to.equal(true);
  });

  it('give back the pages that are empty, but for one of each size', () => {
    const slabs = new Slabs();
    const addresses = Array.from({ length: 10_000 }, () => slabs.allocate(100));
    const pages = new Map(addresses.map((address) => [slabs.page(address), address]));
    expect(pages.size).to.be.greaterThan(2);
    for (const address of addresses) slabs.free(address);
    expect([...pages].filter(([page, address]) => isHeld(slabs, page, address))).to.have.length(1);
  });

  it('give back the page of a large slot at once, and its number to the next', () => {
    const slabs = new Slabs();
    const address = slabs.allocate(1024 * KIB);
    const page = slabs.page(address);
    slabs.free(address);
    expect(isHeld(slabs, page, address)).to.equal(false);
    expect(slabs.allocate(2048 * KIB)).to.equal(address);
    expect(isHeld(slabs, page, address)).to.equal(false);
  });

  it('leave less than a fifth of a large slot over', () => {
    const slabs = new Slabs();
    for (let byteCount = 64; byteCount < 1024 * KIB; byteCount += 1 + Math.floor(byteCount / 7)) {
      const { slotBytes } = slabs.page(slabs.allocate(byteCount));
      expect(slotBytes).to.be.within(byteCount, byteCount * 1.25);
    }
  });

  it('know whether other content has room and would get the same size', () => {
    const slabs = new Slabs();
    const address = slabs.allocate(100);
    expect(slabs.fits(address, 97)).to.equal(true);
    expect(slabs.fits(address, 112)).to.equal(true);
    expect(slabs.fits(address, 113)).to.equal(false);
    expect(slabs.fits(address, 50)).to.equal(false);
  });
});
