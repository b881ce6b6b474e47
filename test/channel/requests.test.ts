import { expect } from 'chai';
import { Requests } from '../../src/channel/requests.js';

describe('who waits to receive', () => {
  it('is served in the order of coming, but for those who have withdrawn', () => {
    const requests = new Requests<string>();
    const served: string[] = [];
    const withdraws = ['a', 'b', 'c', 'd'].map((name) => requests.add(() => served.push(name)));
    withdraws[0]?.();
    withdraws[2]?.();
    withdraws[2]?.();
    expect(requests.size).to.equal(2);
    for (let request = requests.take(); request !== undefined; request = requests.take())
      request({ value: '', ok: true });
    expect(served).to.deep.equal(['b', 'd']);
    withdraws[1]?.();
    expect(requests.size).to.equal(0);
  });

  it('is forgotten after withdrawing, however many wait for long', () => {
    const requests = new Requests<string>();
    const first = requests.add(() => undefined);
    for (let i = 0; i < 100_000; i += 1) {
      const withdraw = requests.add(() => undefined);
      requests.add(() => undefined)();
      withdraw();
    }
    expect(requests.size).to.equal(1);
    first();
    expect(requests.take()).to.equal(undefined);
  });
});
