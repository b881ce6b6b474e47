/** What a follower does with an entry: the same as the leader, though nobody asks what came of it. */

import { expect } from 'chai';
import { BatchEncoder } from '../../src/state-machine/batch-encoder.js';
import { KeyValueStore } from '../../src/state-machine/key-value-store.js';
import { HASH_SECRET } from '../support/hash-secret.js';
import { recordsOf } from '../support/records.js';

describe('a store that nobody listens to', () => {
  it('changes as one does that reports its results', () => {
    const encoder = new BatchEncoder();
    encoder.add({ type: 'set', key: 'gone', value: Buffer.from('v'), exptimeS: 0 });
    encoder.add({ type: 'set', key: 'kept', value: Buffer.from('v'), exptimeS: 0 });
    encoder.add({ type: 'cas', key: 'kept', value: Buffer.from('w'), exptimeS: 0, version: 1 });
    encoder.add({ type: 'delete', key: 'gone' });
    const payload = encoder.finish(1);
    const [heard, silent] = [new KeyValueStore(HASH_SECRET), new KeyValueStore(HASH_SECRET)];
    heard.apply(payload, () => {});
    silent.apply(payload);
    expect(recordsOf(silent)).to.deep.equal(recordsOf(heard));
    expect(silent.get('gone')).to.equal(undefined);
  });
});
