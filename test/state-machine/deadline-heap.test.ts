import { expect } from 'chai';
import fc from 'fast-check';
import { DeadlineHeap } from '../../src/state-machine/deadline-heap.js';

/** Ids that are keys themselves: of two, the larger comes first. */
const ORDER = { isKeyBefore: (id: number, other: number) => id > other };

function drain(heap: DeadlineHeap): [id: number, deadlineMs: number][] {
  const drained: [id: number, deadlineMs: number][] = [];
  for (let id = heap.firstId; id !== undefined; id = heap.firstId) {
    drained.push([id, heap.firstMs ?? 0]);
    heap.remove(id);
  }
  return drained;
}

describe('DeadlineHeap', () => {
  it('always shows the earliest deadline, the first in the order of keys where there are several', () => {
    const step = fc.record({ id: fc.nat({ max: 3000 }), deadlineMs: fc.option(fc.nat({ max: 20 })) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const heap = new DeadlineHeap(ORDER);
        const model = new Map<number, number>();
        const sorted = () => [...model].sort(([id, ms], [otherId, otherMs]) => ms - otherMs || otherId - id);
        for (const { id, deadlineMs } of steps) {
          if (deadlineMs === null) {
            heap.remove(id);
            model.delete(id);
          } else {
            heap.set(id, deadlineMs);
            model.set(id, deadlineMs);
          }
          expect([heap.firstId, heap.firstMs]).to.deep.equal(sorted()[0] ?? [undefined, undefined]);
          expect(heap.size).to.equal(model.size);
        }
        expect(drain(heap)).to.deep.equal(sorted());
      }),
      { seed: 1 },
    );
  });

  it('has one deadline for an id, the last that it was given', () => {
    const heap = new DeadlineHeap(ORDER);
    for (let round = 0; round < 1000; round += 1) heap.set(7, 1000 - round);
    heap.set(8, 5);
    expect(drain(heap)).to.deep.equal([
      [7, 1],
      [8, 5],
    ]);
  });

  it('grows with the ids and with their number', () => {
    const heap = new DeadlineHeap(ORDER);
    for (let id = 0; id < 5000; id += 1) heap.set(3 * id, id);
    expect(drain(heap).map(([id]) => id)).to.deep.equal(Array.from({ length: 5000 }, (_, i) => 3 * i));
  });
});
