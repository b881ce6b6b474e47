import { expect } from 'chai';
import { UseOrder } from '../../../src/state-machine/sessions/use-order.js';

const MANY = 60_000;
const USES = 30_000;

function orderOf(ids: readonly string[]): UseOrder {
  const order = new UseOrder();
  for (const id of ids) order.use(id);
  return order;
}

function cpuMsOf(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

describe('the order in which sessions were used', () => {
  it('is that of the last use of each', () => {
    const order = orderOf(['a', 'b', 'c', 'd']);
    order.use('b');
    order.use('a');
    order.remove('c');
    order.remove('never there');
    expect([...order.ids()]).to.deep.equal(['d', 'b', 'a']);
    order.use('c');
    expect([...order.ids()]).to.deep.equal(['d', 'b', 'a', 'c']);
  });

  it('costs no more to keep when one of very many is used again and again', () => {
    const useAll = (order: UseOrder) => {
      for (let i = 0; i < USES; i += 1) order.use('again');
    };
    useAll(orderOf([]));
    const few = orderOf(['again']);
    const many = orderOf(['again', ...Array.from({ length: MANY }, (_, i) => `${i}`)]);
    const aloneMs = cpuMsOf(() => useAll(few));
    // Ten thousand places that are looked at for each use would be seconds.
    expect(cpuMsOf(() => useAll(many))).to.be.below(10 * aloneMs + 200);
  });
});
