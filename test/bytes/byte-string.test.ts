import { expect } from 'chai';
import fc from 'fast-check';
import { memoryOf } from '../../src/bytes/byte-reader.js';
import { type ByteString, copy, equals, hashOf, write } from '../../src/bytes/byte-string.js';

/** Lengths around those of words, and around where a loop gives way to a call into the engine. */
const LENGTHS = [0, 1, 3, 4, 5, 8, 63, 255, 256, 257, 1_000] as const;

const text = fc
  .constantFrom(...LENGTHS)
  .chain((length) => fc.uint8Array({ minLength: length, maxLength: length }))
  .map((bytes) => Buffer.from(bytes).toString('latin1'));
const offset = fc.nat(9);
const SECRET = { k0: 1, k1: 2 };

/** The text as bytes that begin `at` bytes after others. */
function spanOf(content: string, at: number): ByteString {
  const bytes = Buffer.from(`${'.'.repeat(at)}${content}...`, 'latin1');
  return { memory: memoryOf(bytes), start: at, length: content.length };
}

describe('a text of the record table', () => {
  it('has the same hash as a string and as bytes, wherever they begin', () => {
    fc.assert(
      fc.property(text, offset, fc.integer(), fc.integer(), (content, at, k0, k1) => {
        const hash = hashOf(content, { k0, k1 });
        expect(hashOf(spanOf(content, at), { k0, k1 })).to.equal(hash);
        expect(hash).to.be.within(0, 2 ** 32 - 1);
      }),
    );
  });

  it('has a hash that differs, and spreads, for texts that differ little, and by the secret', () => {
    const keys = Array.from({ length: 20_000 }, (_, i) => `key:${i}`);
    expect(new Set(keys.map((key) => hashOf(key, SECRET))).size, 'of 20,000 keys').to.be.at.least(19_990);
    const places = new Set(keys.slice(0, 256).map((key) => hashOf(key, SECRET) & 255));
    expect(places.size, 'places of 256 keys among as many').to.be.within(130, 195);
    for (const other of [
      { ...SECRET, k0: 7 },
      { ...SECRET, k1: 7 },
    ])
      expect(hashOf('key', other)).not.to.equal(hashOf('key', SECRET));
    for (const longer of ['\0', 'key\0', 'key:\0\0\0\0'])
      expect(hashOf(longer, SECRET)).not.to.equal(hashOf(longer.slice(0, -1), SECRET));
  });

  it('is as long and has the same bytes where it stands, and nowhere else', () => {
    fc.assert(
      fc.property(text, offset, offset, fc.nat(), (content, at, place, changed) => {
        const memory = memoryOf(Buffer.alloc(content.length + 20, '#'));
        for (const one of [content, spanOf(content, at)]) {
          write(one, memory, place);
          expect(memory.bytes.toString('latin1')).to.equal(
            `${'#'.repeat(place)}${content}${'#'.repeat(20 - place)}`,
          );
          expect(equals(one, memory, place)).to.equal(true);
        }
        if (content === '') return;
        const byte = place + (changed % content.length);
        memory.bytes[byte] = (memory.bytes[byte] ?? 0) ^ 0x80;
        for (const one of [content, spanOf(content, at)]) expect(equals(one, memory, place)).to.equal(false);
      }),
    );
  });

  it('is copied whole, and nothing around it', () => {
    fc.assert(
      fc.property(text, offset, offset, (content, from, to) => {
        const source = memoryOf(Buffer.from(`${'.'.repeat(from)}${content}...`, 'latin1'));
        const target = memoryOf(Buffer.alloc(content.length + 20, '#'));
        copy(source, from, target, to, content.length);
        expect(target.bytes.toString('latin1')).to.equal(`${'#'.repeat(to)}${content}${'#'.repeat(20 - to)}`);
      }),
    );
  });
});
