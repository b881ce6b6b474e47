/** Commands that would be too much work say so, the same on every server. */

import { expect } from 'chai';
import { MAX_VALUE_BYTES } from '../../../src/limits.js';
import { ErrorReply, type RespValue } from '../../../src/protocol/resp/value.js';
import { MAX_BITS_WORK, MAX_LCS_CELLS } from '../../../src/redis-limits.js';
import { KeyValueStore } from '../../../src/state-machine/key-value-store.js';
import { payloadOf } from '../../support/commands.js';
import { HASH_SECRET } from '../../support/hash-secret.js';

describe('a command that would be too much work', () => {
  const store = new KeyValueStore(HASH_SECRET);

  function run(...args: readonly string[]): RespValue {
    let reply: RespValue = null;
    store.apply(payloadOf(1, [{ type: 'redis', args }]), (result) => {
      if (result.type === 'resp') reply = result.value;
    });
    return reply;
  }

  before(() => {
    run('SET', 'large', 'v'.repeat(MAX_VALUE_BYTES));
    run('SET', 'small', 'v'.repeat(10));
  });

  it('is an LCS of long values', () => {
    expect(run('LCS', 'large', 'large')).to.be.instanceOf(ErrorReply);
    run('SET', 'long', 'v'.repeat(MAX_LCS_CELLS / 10));
    expect(run('LCS', 'long', 'small', 'LEN')).to.equal(10);
  });

  it('is a BITOP of many large values, which leaves its target as it was', () => {
    const sources = Array.from({ length: MAX_BITS_WORK / MAX_VALUE_BYTES }, () => 'large');
    run('SET', 'target', 'before');
    expect(run('BITOP', 'OR', 'target', ...sources)).to.be.instanceOf(ErrorReply);
    expect(run('GET', 'target')).to.equal('before');
    expect(run('BITOP', 'OR', 'target', ...sources.slice(0, 10))).to.equal(MAX_VALUE_BYTES);
  });

  it('is a BITFIELD of many operations, none of which is done', () => {
    const operations = Array.from({ length: 10_001 }, () => ['SET', 'u8', '0', '1']);
    expect(run('BITFIELD', 'field', ...operations.flat())).to.be.instanceOf(ErrorReply);
    expect(run('EXISTS', 'field')).to.equal(0);
    expect(run('BITFIELD', 'field', ...operations.slice(1).flat())).to.have.length(10_000);
  });
});
