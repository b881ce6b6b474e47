import { expect } from 'chai';
import { hashSlot } from '../../../src/protocol/resp/hash-slot.js';

describe('the slot of a key', () => {
  it('is that of Redis Cluster', () => {
    expect(hashSlot('123456789')).to.equal(0x31c3);
    expect(hashSlot('foo')).to.equal(12_182);
    expect(hashSlot('')).to.equal(0);
  });

  it('is that of its bytes, whatever they are', () => {
    expect(hashSlot('\xff\x80')).to.equal(0x1277);
  });

  it('is that of its hash tag', () => {
    expect(hashSlot('{user1000}.following')).to.equal(hashSlot('user1000'));
    expect(hashSlot('foo{}{bar}')).to.not.equal(hashSlot('bar'));
    expect(hashSlot('{}a}')).to.not.equal(hashSlot('a'));
    expect(hashSlot('foo{{bar}}zap')).to.equal(hashSlot('{bar'));
  });
});
