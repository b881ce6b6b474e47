import { expect } from 'chai';
import { assertRelations, type LimitRelation } from '../src/limit-relations.js';
import * as limits from '../src/limits.js';

const MIB = 1024 * 1024;

describe('the limits', () => {
  afterEach(() => limits.setMaxValueBytes(limits.DEFAULT_MAX_VALUE_BYTES));

  it('hold together whatever the largest value is', () => {
    for (const bytes of [1, 1_000, MIB, MIB + 1, 5 * MIB, 16 * MIB]) {
      limits.setMaxValueBytes(bytes);
      expect(limits.MAX_VALUE_BYTES).to.equal(bytes);
      expect(limits.MAX_REDIS_COMMAND_BYTES).to.be.above(bytes + limits.MAX_KEY_BYTES);
      expect(limits.MAX_UNANSWERED_BYTES / 2).to.be.above(limits.MAX_REDIS_COMMAND_BYTES);
    }
  });

  it('are what they were with values of a mebibyte', () => {
    limits.setMaxValueBytes(16 * MIB);
    limits.setMaxValueBytes(MIB);
    expect(limits.MAX_REDIS_COMMAND_BYTES).to.equal(3 * MIB);
    expect(limits.MAX_TRANSACTION_BYTES).to.equal(3 * MIB);
    expect(limits.MAX_UNANSWERED_BYTES).to.equal(8 * MIB);
    expect(limits.MAX_UNREAD_REPLY_BYTES).to.equal(2 * MIB);
    expect(limits.MAX_INFLIGHT_PROPOSAL_BYTES).to.equal(8 * MIB);
    expect(limits.MAX_INFLIGHT_APPEND_BYTES).to.equal(16 * MIB);
    expect(limits.MAX_UNCOMMITTED_BYTES).to.equal(16 * MIB);
  });

  it('end the program when one was changed without the others', () => {
    const relations: LimitRelation[] = [
      [true, 'this is so'],
      [false, 'that is so'],
    ];
    expect(() => assertRelations('some-limits.ts', relations)).to.throw(
      'some-limits.ts does not hold: that is so',
    );
  });

  it('refuse larger values than they can be derived for', () => {
    for (const bytes of [0, 16 * MIB + 1, Number.NaN])
      expect(() => limits.setMaxValueBytes(bytes)).to.throw(RangeError);
  });
});
