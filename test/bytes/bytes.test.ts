import { expect } from 'chai';
import fc from 'fast-check';
import { ByteReader, memoryOf, TruncatedBytesError, textOf } from '../../src/bytes/byte-reader.js';
import { ByteWriter } from '../../src/bytes/byte-writer.js';

type Field =
  | { readonly kind: 'u8' | 'u32' | 'f64'; readonly value: number }
  | { readonly kind: 'bytes'; readonly value: Uint8Array }
  | { readonly kind: 'latin1'; readonly value: string };

const latin1 = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString('latin1'));

const field: fc.Arbitrary<Field> = fc.oneof(
  fc.record({ kind: fc.constant('u8' as const), value: fc.nat({ max: 0xff }) }),
  fc.record({ kind: fc.constant('u32' as const), value: fc.nat({ max: 0xffffffff }) }),
  fc.record({ kind: fc.constant('f64' as const), value: fc.double() }),
  fc.record({ kind: fc.constant('bytes' as const), value: fc.uint8Array({ maxLength: 300 }) }),
  fc.record({ kind: fc.constant('latin1' as const), value: latin1 }),
);

function write(out: ByteWriter, field: Field): void {
  switch (field.kind) {
    case 'bytes':
      out.bytes(field.value);
      return;
    case 'latin1':
      out.latin1(field.value);
      return;
    default:
      out[field.kind](field.value);
  }
}

function read(reader: ByteReader, field: Field): Field {
  switch (field.kind) {
    case 'bytes':
      return { kind: 'bytes', value: Uint8Array.from(reader.bytes(field.value.byteLength)) };
    case 'latin1':
      return { kind: 'latin1', value: reader.latin1(field.value.length) };
    default:
      return { kind: field.kind, value: reader[field.kind]() };
  }
}

function written(fields: readonly Field[], capacityBytes?: number): Uint8Array<ArrayBuffer> {
  const out = new ByteWriter(capacityBytes);
  for (const each of fields) write(out, each);
  return out.take();
}

describe('ByteWriter and ByteReader', () => {
  it('give back every field that was written, whatever capacity the writer started with', () => {
    fc.assert(
      fc.property(fc.array(field), fc.nat({ max: 64 }), (fields, capacityBytes) => {
        const reader = new ByteReader(written(fields, capacityBytes));
        for (const each of fields) expect(read(reader, each)).to.deep.equal(each);
        expect(reader.remaining).to.equal(0);
      }),
      { seed: 1 },
    );
  });

  it('throw TruncatedBytesError for every record that was cut short', () => {
    fc.assert(
      fc.property(fc.array(field, { minLength: 1, maxLength: 8 }), fc.nat(), (fields, cut) => {
        const bytes = written(fields);
        fc.pre(bytes.byteLength > 0);
        const reader = new ByteReader(bytes.subarray(0, cut % bytes.byteLength));
        expect(() => {
          for (const each of fields) read(reader, each);
        }).to.throw(TruncatedBytesError);
      }),
      { seed: 1 },
    );
  });
});

describe('ByteReader', () => {
  it('reads a view of a larger buffer from the beginning of the view', () => {
    const bytes = Uint8Array.of(9, 9, 7, 1, 0, 0, 0, 9);
    const reader = new ByteReader(bytes.subarray(2, 7));
    expect(reader.u8()).to.equal(7);
    expect(reader.offset).to.equal(1);
    expect(reader.u32()).to.equal(1);
    expect(reader.remaining).to.equal(0);
  });

  it('hands out byte strings as views of its input', () => {
    const input = Uint8Array.of(1, 2, 3);
    const view = new ByteReader(input).bytes(2);
    input[0] = 9;
    expect([...view]).to.deep.equal([9, 2]);
  });

  it('stays where it is when a field is truncated, and says what is missing', () => {
    const reader = new ByteReader(Uint8Array.of(1, 2));
    expect(() => reader.u32()).to.throw(TruncatedBytesError, '4 more bytes were expected, 2 are left');
    expect(reader.offset).to.equal(0);
    expect(reader.u8()).to.equal(1);
  });
});

describe('ByteWriter', () => {
  it('takes byte strings far over its capacity and keeps what was written before', () => {
    const out = new ByteWriter(1);
    out.u8(1);
    out.bytes(new Uint8Array(100_000).fill(2));
    out.u8(3);
    const bytes = out.take();
    expect(bytes.byteLength).to.equal(100_002);
    expect([bytes[0], bytes[1], bytes[100_000], bytes[100_001]]).to.deep.equal([1, 2, 2, 3]);
  });

  it('refuses a u32 that is out of range', () => {
    const out = new ByteWriter();
    expect(() => out.u32(2 ** 32)).to.throw(RangeError);
    expect(() => out.u32(-1)).to.throw(RangeError);
    expect(out.length).to.equal(0);
  });

  it('starts anew after take, and what was taken does not change any more', () => {
    const out = new ByteWriter();
    out.latin1('first');
    const first = out.take();
    expect(out.length).to.equal(0);
    out.latin1('other');
    expect(Buffer.from(first).toString()).to.equal('first');
    expect(Buffer.from(out.take()).toString()).to.equal('other');
  });

  it('takes bytes that own their memory alone, so that they can be transferred', () => {
    const out = new ByteWriter();
    out.latin1('abc');
    const taken = out.take();
    expect(taken.byteOffset).to.equal(0);
    expect(taken.buffer.byteLength).to.equal(3);
    expect(structuredClone(taken, { transfer: [taken.buffer] }).byteLength).to.equal(3);
    expect(taken.byteLength).to.equal(0);
  });

  it('forgets what was written when it is cleared', () => {
    const out = new ByteWriter();
    out.latin1('gone');
    out.clear();
    expect(out.length).to.equal(0);
    out.latin1('here');
    expect(Buffer.from(out.view()).toString()).to.equal('here');
  });

  it('writes texts from where they lie as it does strings', () => {
    const bytes = Uint8Array.from({ length: 700 }, (_, at) => (at * 31) & 0xff);
    const memory = memoryOf(bytes);
    for (const length of [0, 1, 3, 4, 5, 48, 49, 64, 255, 256, 257, 600]) {
      const out = new ByteWriter(1);
      out.u8(1);
      out.text({ memory, start: 7, length });
      out.text(textOf({ memory, start: 9, length }));
      const expected = [1, ...bytes.subarray(7, 7 + length), ...bytes.subarray(9, 9 + length)];
      expect([...out.take()], `${length} bytes`).to.deep.equal(expected);
    }
  });

  it('writes integers in decimal digits', () => {
    for (const value of [0, 7, 9, 10, 99, 100, 1048576, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
      const out = new ByteWriter(1);
      out.decimal(value);
      expect(Buffer.from(out.take()).toString()).to.equal(String(value));
    }
  });

  it('patches numbers in place without moving its end', () => {
    const out = new ByteWriter(1);
    out.u32(0);
    out.f64(0);
    out.u8(7);
    out.patchU32(0, 0xfffffffe);
    out.patchF64(4, -0.5);
    expect(out.length).to.equal(13);
    const reader = new ByteReader(out.take());
    expect([reader.u32(), reader.f64(), reader.u8()]).to.deep.equal([0xfffffffe, -0.5, 7]);
  });
});
