import { expect } from 'chai';
import { NODE_ENVIRONMENT } from '../../src/environment.js';
import { UnwrittenSockets } from '../../src/gateway/unwritten-sockets.js';
import { MAX_SLICES_MS_PER_TURN } from '../../src/limits.js';

const WRITE_MS = 0.1;
const MANY = 1_000;

describe('sockets with replies that are not written', () => {
  /** A turn of the event loop at a time, in which each write takes as long. */
  function surroundings() {
    const callbacks: (() => void)[] = [];
    const ends: (() => void)[] = [];
    const written: string[] = [];
    const world = { ms: 0, written };
    const unwritten = new UnwrittenSockets({
      ...NODE_ENVIRONMENT,
      nowMs: () => world.ms,
      afterCallback: (callback) => void callbacks.push(callback),
      atEndOfTurn: (callback) => void ends.push(callback),
    });
    const add = (name: string) =>
      unwritten.add({
        flush() {
          world.ms += WRITE_MS;
          written.push(name);
        },
      });
    /** Replies for these come, and the turn ends. Returns for how long it wrote. */
    const turn = (names: readonly string[]) => {
      const startMs = world.ms;
      const late = ends.splice(0);
      for (const name of names) add(name);
      for (const callback of [...callbacks.splice(0), ...late]) callback();
      return world.ms - startMs;
    };
    return { written, turn };
  }

  it('are written at once when they are few', () => {
    const { written, turn } = surroundings();
    turn(['a', 'b']);
    expect(written).to.deep.equal(['a', 'b']);
  });

  it('are written in many turns when they are many, others among them before they are done, and each once', () => {
    const { written, turn } = surroundings();
    const many = Array.from({ length: MANY }, (_, i) => `${i}`);
    const turnsMs = [turn(many)];
    while (written.length < MANY / 2) turnsMs.push(turn([]));
    turnsMs.push(turn(['other']));
    expect(written.indexOf('other')).to.be.within(MANY / 2, MANY / 2 + MAX_SLICES_MS_PER_TURN / WRITE_MS);
    while (written.length < MANY + 1) turnsMs.push(turn([]));
    expect(turnsMs.every((ms) => ms <= 2 * MAX_SLICES_MS_PER_TURN)).to.equal(true);
    expect(written.filter((name) => name !== 'other')).to.deep.equal(many);
    expect(turn([])).to.equal(0);
  });
});
