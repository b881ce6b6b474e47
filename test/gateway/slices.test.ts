import { expect } from 'chai';
import { NODE_ENVIRONMENT } from '../../src/environment.js';
import { Slices } from '../../src/gateway/slices.js';
import { MAX_SLICES_MS_PER_TURN } from '../../src/limits.js';

describe('slices of work for connections', () => {
  /** An environment whose turns end when told to, and in which a slice takes a millisecond. */
  function surroundings() {
    const world = {
      ...NODE_ENVIRONMENT,
      ms: 0,
      ends: [] as (() => void)[],
      nowMs: () => world.ms,
      atEndOfTurn: (callback: () => void) => void world.ends.push(callback),
      endTurn: () => {
        for (const end of world.ends.splice(0)) end();
      },
    };
    return world;
  }

  it('are done at once while a turn has time, and go on in later turns, in their order', () => {
    const world = surroundings();
    const slices = new Slices(world);
    const done: string[] = [];
    const work = (name: string, count: number) => {
      let left = count;
      slices.run(() => {
        world.ms += 1;
        left -= 1;
        if (left === 0) done.push(name);
        return left === 0;
      });
    };
    work('short', 1);
    expect(done).to.deep.equal(['short']);
    work('long', 2 * MAX_SLICES_MS_PER_TURN);
    work('after it', 1);
    const perTurn: number[] = [];
    while (done.length < 3) {
      const before = world.ms;
      world.endTurn();
      perTurn.push(world.ms - before);
    }
    expect(done).to.deep.equal(['short', 'long', 'after it']);
    expect(Math.max(...perTurn)).to.equal(MAX_SLICES_MS_PER_TURN);
    world.endTurn();
    world.endTurn();
    expect(world.ends).to.deep.equal([]);
  });
});
