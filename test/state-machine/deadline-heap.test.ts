import { expect } from 'chai';
import fc from 'fast-check';
import { type Deadline, DeadlineHeap } from '../../src/state-machine/deadline-heap.js';

const deadline: fc.Arbitrary<Deadline> = fc.record({
  key: fc.constantFrom('a', 'b', 'c'),
  deadlineMs: fc.nat({ max: 50 }),
});

function drain(heap: DeadlineHeap): number[] {
  const times: number[] = [];
  for (let first = heap.first; first !== undefined; first = heap.first) {
    times.push(first.deadlineMs);
    heap.removeFirst();
  }
  return times;
}

describe('DeadlineHeap', () => {
  it('always shows the earliest deadline, as a sorted list would', () => {
    const step = fc.oneof(
      { weight: 2, arbitrary: deadline },
      { weight: 1, arbitrary: fc.constant('remove') },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const heap = new DeadlineHeap();
        const model: number[] = [];
        for (const each of steps) {
          if (typeof each === 'string') {
            heap.removeFirst();
            model.shift();
          } else {
            heap.push(each);
            model.push(each.deadlineMs);
            model.sort((a, b) => a - b);
          }
          expect(heap.first?.deadlineMs).to.equal(model[0]);
          expect(heap.size).to.equal(model.length);
        }
        expect(drain(heap)).to.deep.equal(model);
      }),
      { seed: 1 },
    );
  });

  it('holds the deadlines it was rebuilt from alone, and takes more', () => {
    fc.assert(
      fc.property(fc.array(deadline), fc.array(deadline), fc.array(deadline), (before, kept, after) => {
        const heap = new DeadlineHeap();
        for (const each of before) heap.push(each);
        heap.rebuild(kept);
        for (const each of after) heap.push(each);
        const expected = [...kept, ...after].map(({ deadlineMs }) => deadlineMs).sort((a, b) => a - b);
        expect(drain(heap)).to.deep.equal(expected);
      }),
      { seed: 1 },
    );
  });

  it('keeps each key with its deadline', () => {
    const heap = new DeadlineHeap();
    heap.push({ key: 'late', deadlineMs: 2 });
    heap.push({ key: 'early', deadlineMs: 1 });
    expect(heap.first).to.deep.equal({ key: 'early', deadlineMs: 1 });
    heap.removeFirst();
    expect(heap.first).to.deep.equal({ key: 'late', deadlineMs: 2 });
  });

  it('is empty at first, and removing from it then changes nothing', () => {
    const heap = new DeadlineHeap();
    heap.removeFirst();
    expect(heap.first).to.equal(undefined);
    expect(heap.size).to.equal(0);
  });
});
