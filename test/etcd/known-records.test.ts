import { expect } from 'chai';
import { KnownRecords } from '../../src/etcd/known-records.js';
import { MAX_KNOWN_KEYS, MAX_KNOWN_VALUE_BYTES, UNTRUSTED_MS } from '../../src/etcd-limits.js';

const stored = (value: string) => ({ ordinal: 2, version: 3, deadlineMs: 0, value });

describe('what a server remembers of keys in etcd', () => {
  let nowMs = 0;
  let known: KnownRecords;

  beforeEach(() => {
    known = new KnownRecords(() => nowMs);
  });

  it('is what was written last, with its revision, and nothing of what was removed', () => {
    known.written([{ key: 'a', stored: stored('1') }], 5);
    known.written([{ key: 'a', stored: stored('2') }], 6);
    expect(known.of(['a', 'b']).get('a')).include({ value: '2', modRevision: 6, revision: 6 * 128 + 2 });
    known.written([{ key: 'a', stored: undefined }], 7);
    expect(known.of(['a']).size).equal(0);
  });

  it('is bounded: the keys that came first go, and long values are not remembered', () => {
    for (let i = 0; i <= MAX_KNOWN_KEYS; i += 1) known.written([{ key: `${i}`, stored: stored('v') }], i + 1);
    const all = known.of(Array.from({ length: MAX_KNOWN_KEYS + 1 }, (_, i) => `${i}`));
    expect(all.size).within(MAX_KNOWN_KEYS / 2, MAX_KNOWN_KEYS);
    expect(all.has('0')).equal(false);
    expect(all.has(`${MAX_KNOWN_KEYS}`)).equal(true);
    known.written([{ key: 'long', stored: stored('v') }], 1);
    known.written([{ key: 'long', stored: stored('v'.repeat(MAX_KNOWN_VALUE_BYTES)) }], 2);
    expect(known.of(['long']).size).equal(0);
  });

  it('is not relied on for a while after others have changed some of it', () => {
    known.written(
      [
        { key: 'a', stored: stored('1') },
        { key: 'b', stored: stored('1') },
      ],
      5,
    );
    known.changed(['a']);
    expect(known.of(['a', 'b']).size).equal(0);
    nowMs += UNTRUSTED_MS;
    expect([...known.of(['a', 'b']).keys()]).deep.equal(['b']);
  });
});
