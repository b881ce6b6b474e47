import { expect } from 'chai';
import fc from 'fast-check';
import { type ByteSpan, memoryOf } from '../../src/bytes/byte-reader.js';
import { ByteWriter } from '../../src/bytes/byte-writer.js';
import { NO_RECORD, type RecordId } from '../../src/state-machine/record-id.js';
import { MAX_INLINE_VALUE_BYTES } from '../../src/state-machine/record-layout.js';
import { RecordTable } from '../../src/state-machine/record-table.js';
import { HASH_SECRET } from '../support/hash-secret.js';

const INLINE = MAX_INLINE_VALUE_BYTES;
const VALUE_LENGTHS = [0, 1, 63, 64, 65, 200, INLINE, INLINE + 1, 70_000] as const;

interface Content {
  readonly value: string;
  readonly version: number;
  readonly deadlineMs: number;
  readonly revision: number;
}

function recordOf(value: string, version = 1, deadlineMs = 0, revision = 0): Content {
  return { value, version, deadlineMs, revision };
}

/** The text as bytes among others. */
function spanOf(text: string): ByteSpan {
  return { memory: memoryOf(Buffer.from(`<${text}>`, 'latin1')), start: 1, length: text.length };
}

/** Adds the key, or replaces what it holds. */
function put(table: RecordTable, key: string, record: Content): RecordId {
  const id = table.find(key);
  if (id === NO_RECORD) return table.add(key, record);
  table.replace(id, record);
  return id;
}

function contentAt(table: RecordTable, id: RecordId): Content {
  return {
    value: table.value(id),
    version: table.version(id),
    deadlineMs: table.deadlineMs(id),
    revision: table.revision(id),
  };
}

function contentOf(table: RecordTable): Map<string, Content> {
  const ids = Array.from({ length: table.idLimit }, (_, id) => id).filter((id) => table.has(id));
  return new Map(ids.map((id) => [table.key(id), contentAt(table, id)]));
}

describe('the record table', () => {
  it('holds what a map would hold', () => {
    const key = fc.oneof(
      fc.integer({ min: 0, max: 60 }).map((number) => `key ${number}`),
      fc.constantFrom('', '\x00', '\xff\x80', 'k'.repeat(250), 'long'.repeat(25_000)),
    );
    const record = fc
      .record({
        length: fc.constantFrom(...VALUE_LENGTHS),
        character: fc.constantFrom('a', '\x00', '\xff'),
        version: fc.maxSafeNat(),
        deadlineMs: fc.constantFrom(0, 1.5, 1_700_000_000_000),
        revision: fc.maxSafeNat(),
      })
      .map(({ length, character, version, deadlineMs, revision }) =>
        recordOf(character.repeat(length), version, deadlineMs, revision),
      );
    const step = fc.oneof(fc.record({ key, record }), fc.record({ key, record: fc.constant(undefined) }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300, size: 'max' }), (steps) => {
        const table = new RecordTable(HASH_SECRET);
        const model = new Map<string, Content>();
        for (const next of steps) {
          const id = table.find(next.key);
          expect(id !== NO_RECORD).to.equal(model.has(next.key));
          if (next.record !== undefined) {
            put(table, next.key, next.record);
            model.set(next.key, next.record);
          } else if (model.delete(next.key)) {
            table.remove(id);
          }
          expect(table.size).to.equal(model.size);
        }
        expect(contentOf(table)).to.deep.equal(model);
      }),
      { numRuns: 50 },
    );
  });

  it('takes keys and values as strings or as bytes among others', () => {
    for (const length of VALUE_LENGTHS) {
      const key = `\xffkey ${length}`;
      const table = new RecordTable(HASH_SECRET);
      const id = table.add(spanOf(key), { ...recordOf(''), value: spanOf('\xfe'.repeat(length)) });
      expect(table.find(key)).to.equal(id);
      expect(table.find(spanOf(key))).to.equal(id);
      expect(table.find(spanOf(`${key}0`))).to.equal(NO_RECORD);
      expect(table.key(id)).to.equal(key);
      expect(table.value(id)).to.equal('\xfe'.repeat(length));
      table.replace(id, { ...recordOf(''), value: spanOf('\xfd'.repeat(length + 1)) });
      expect(table.value(id)).to.equal('\xfd'.repeat(length + 1));
    }
  });

  it('finds every key among very many, also once half of them are gone', () => {
    const count = 50_000;
    const table = new RecordTable(HASH_SECRET);
    for (let i = 0; i < count; i += 1) table.add(`key ${i}`, recordOf(`${i}`));
    for (let i = 0; i < count; i += 2) table.remove(table.find(`key ${i}`));
    for (let i = 0; i < count; i += 1) {
      const id = table.find(`key ${i}`);
      if (i % 2 === 0) expect(id).to.equal(NO_RECORD);
      else expect(table.value(id)).to.equal(`${i}`);
    }
    expect(table.size).to.equal(count / 2);
  });

  it('leaves a key its id while what it holds changes and others come and go', () => {
    const table = new RecordTable(HASH_SECRET);
    const id = table.add('key', recordOf('a'));
    for (const length of VALUE_LENGTHS) {
      table.add(`other ${length}`, recordOf('b'));
      table.replace(id, recordOf('c'.repeat(length)));
      expect(table.find('key')).to.equal(id);
      expect(table.value(id)).to.have.length(length);
    }
    for (const length of VALUE_LENGTHS) table.remove(table.find(`other ${length}`));
    expect(table.find('key')).to.equal(id);
  });

  it('gives the ids of removed keys to new ones', () => {
    const table = new RecordTable(HASH_SECRET);
    for (let i = 0; i < 5_000; i += 1) {
      const id = table.add(`key ${i}`, recordOf('a'));
      expect(table.has(id)).to.equal(true);
      table.remove(id);
      expect(table.has(id)).to.equal(false);
    }
    expect(table.idLimit).to.equal(1);
  });

  it('refuses to tell of a record that is not there', () => {
    const table = new RecordTable(HASH_SECRET);
    const id = table.add('key', recordOf('a'));
    table.remove(id);
    for (const act of [
      () => table.key(id),
      () => table.value(id),
      () => table.version(id),
      () => table.deadlineMs(id),
      () => table.replace(id, recordOf('b')),
      () => table.remove(id),
      () => table.key(7),
    ])
      expect(act).to.throw(RangeError);
  });

  it('holds a record that another table wrote', () => {
    const table = new RecordTable(HASH_SECRET);
    const other = new RecordTable(HASH_SECRET);
    for (const length of VALUE_LENGTHS) {
      const id = table.add(`k\xff${length}`, recordOf('\x00'.repeat(length), 2 ** 50, 12_345.5, 2 ** 53 - 1));
      const out = new ByteWriter();
      out.u8(1);
      table.writeTo(out, id);
      out.u8(1);
      const memory = memoryOf(out.take());
      const keyLength = `k\xff${length}`.length;
      const added = other.addEncoded({ memory, start: 1, keyLength, valueLength: length });
      expect(other.find(`k\xff${length}`)).to.equal(added);
      memory.bytes.fill(0);
    }
    expect(contentOf(other)).to.deep.equal(contentOf(table));
  });

  it('is not changed by what is fetched for keys, whether they are there or not', () => {
    const table = new RecordTable(HASH_SECRET);
    for (const length of VALUE_LENGTHS) table.add(`k${length}`, recordOf('v'.repeat(length)));
    const before = contentOf(table);
    const keys = [...before.keys(), 'absent', ''];
    table.prefetch(
      Uint32Array.from(keys, (key) => table.hash(key)),
      keys.length,
    );
    expect(contentOf(table)).to.deep.equal(before);
  });

  it('keeps a record as it was, whatever becomes of the key', () => {
    for (const length of VALUE_LENGTHS) {
      const table = new RecordTable(HASH_SECRET);
      const before = recordOf('b'.repeat(length), 7, 12_345, 1e15);
      const id = table.add('key', before);
      const kept = table.keep(id);
      table.replace(id, recordOf('a'.repeat(length), 8));
      table.remove(id);
      table.add('other', recordOf('o'.repeat(length), 9));
      const out = new ByteWriter();
      table.writeKept(out, kept);
      const copy = new RecordTable(HASH_SECRET);
      copy.addEncoded({ memory: memoryOf(out.take()), start: 0, keyLength: 3, valueLength: length });
      expect(contentOf(copy)).to.deep.equal(new Map([['key', before]]));
      table.drop(kept);
    }
  });
});
