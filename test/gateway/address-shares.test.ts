import { expect } from 'chai';
import { AddressShares } from '../../src/gateway/address-shares.js';

const MAX = 4;

describe('the places that addresses take', () => {
  let shares: AddressShares;

  beforeEach(() => {
    shares = new AddressShares();
  });

  function take(address: string, count: number): readonly (() => void)[] {
    return Array.from({ length: count }, () => shares.take(address));
  }

  it('are half of them for each address, and all of them for this machine', () => {
    take('10.0.0.1', MAX / 2);
    expect(shares.isFullFor('10.0.0.1', MAX)).to.equal(true);
    expect(shares.isFullFor('::ffff:10.0.0.1', MAX), 'the same on a socket for both').to.equal(true);
    expect(shares.isFullFor('10.0.0.2', MAX)).to.equal(false);
    take('127.0.0.1', MAX / 2 - 1);
    for (const own of ['127.0.0.1', '::1', '::ffff:127.0.0.1'])
      expect(shares.isFullFor(own, MAX), own).to.equal(false);
    take('127.0.0.1', 1);
    expect(shares.isFullFor('127.0.0.1', MAX)).to.equal(true);
  });

  it('are given back once', () => {
    const [leave] = take('10.0.0.1', MAX / 2);
    leave?.();
    leave?.();
    expect(shares.taken).to.equal(MAX / 2 - 1);
    expect(shares.isFullFor('10.0.0.1', MAX)).to.equal(false);
    take('10.0.0.1', 1);
    expect(shares.isFullFor('10.0.0.1', MAX)).to.equal(true);
  });

  it('are those of a network, where one client has all of its addresses', () => {
    take('2001:db8:0:1::5', MAX / 2);
    for (const other of ['2001:db8:0:1:9:9:9:9', '2001:db8:0:1::'])
      expect(shares.isFullFor(other, MAX), other).to.equal(true);
    for (const other of ['2001:db8:0:2::5', '2001:db8::1', 'fe80::1%eth0'])
      expect(shares.isFullFor(other, MAX), other).to.equal(false);
    take('fe80::1%eth0', MAX / 2);
    expect(shares.taken).to.equal(MAX);
  });

  it('of short addresses are counted apart from longer ones', () => {
    take('2001::1', 1);
    take('::2001', 1);
    expect(shares.isFullFor('2001:0:0:0:5:6:7:8', 2)).to.equal(true);
    expect(shares.isFullFor('2001:0:0:0:5:6:7:8', 3)).to.equal(false);
  });
});
