import { create, toBinary } from '@bufbuild/protobuf';
import { expect } from 'chai';
import { Commit, KV, put, remove, unchanged } from '../../src/etcd/rpc/messages.js';
import { TxnParts } from '../../src/etcd/rpc/txn-parts.js';

const LENGTHS = [1, 127, 128, 300, 16_384];
const REVISIONS = [0, 1, 127, 128, 2 ** 31, 2 ** 46, Number.MAX_SAFE_INTEGER];
const LEASES = [0n, 1n, 127n, 128n, 2n ** 62n + 1n];

describe('the parts of a transaction', () => {
  it('are on the wire what the encoder of all messages makes', () => {
    const keys = LENGTHS.map((length) => 'k\xff'.repeat(length));
    const values = LENGTHS.map((length) => Buffer.alloc(length, 7));
    const bytesOf = (text: string) => Buffer.from(text, 'latin1');
    const parts = new TxnParts(10_000, 60_000_000);
    const compare: Uint8Array[] = [];
    const success: Uint8Array[] = [];
    const all: Parameters<typeof create<typeof KV.txn.input>>[1] = { compare: [], success: [] };
    for (const key of keys) {
      for (const revision of REVISIONS) {
        compare.push(parts.unchanged(key, revision));
        all.compare?.push(unchanged(bytesOf(key), BigInt(revision)));
      }
      for (const value of values)
        for (const lease of LEASES) {
          success.push(parts.put(key, value, lease));
          all.success?.push(put({ key: bytesOf(key), value, lease }));
        }
      for (const end of [undefined, ...keys]) {
        success.push(parts.remove(key, end));
        all.success?.push(
          remove(end === undefined ? { key: bytesOf(key) } : { key: bytesOf(key), rangeEnd: bytesOf(end) }),
        );
      }
    }
    const byParts = toBinary(Commit.txn.input, create(Commit.txn.input, { compare, success }));
    const byAll = toBinary(KV.txn.input, create(KV.txn.input, all));
    expect(Buffer.compare(byParts, byAll)).equal(0);
  });

  it('of the longest numbers fit into the memory that there is for them', () => {
    const parts = new TxnParts(3, 8);
    const [compared, done, removed] = [
      parts.unchanged('key', Number.MAX_SAFE_INTEGER),
      parts.put('k', Buffer.from('val'), 2n ** 63n - 1n),
      parts.remove('k', ''),
    ];
    for (const { byteLength } of [compared, done, removed]) expect(byteLength).greaterThan(0);
  });
});
