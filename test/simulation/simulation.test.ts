import { expect } from 'chai';
import { simulate } from './simulation.js';

const SEEDS_EACH = 5;
/** Fewer than the simulator takes by itself: enough for some elections and faults. */
const STEPS = 2_000;

describe('a simulated run', () => {
  for (const servers of [1, 2, 3, 4, 5, 6, 7]) {
    it(`of ${servers} servers breaks no property`, () => {
      for (let seed = 1; seed <= SEEDS_EACH; seed += 1) {
        const result = simulate({ seed, servers, steps: STEPS, trace: undefined });
        expect(result.violation?.message, `seed ${seed}`).to.equal(undefined);
        expect(result.servers).to.equal(servers);
        expect(result.operations, 'operations of clients').to.be.greaterThan(0);
      }
    });
  }

  it('is the same again from the same seed, byte for byte', () => {
    for (const seed of [1, 2, 3, 4]) expect(transcript(seed)).to.equal(transcript(seed));
  });

  it('is another one from another seed', () => {
    expect(transcript(1)).not.to.equal(transcript(2));
  });

  it('draws the number of servers from the seed', () => {
    const sizes = new Set<number>();
    for (let seed = 1; seed <= 30; seed += 1)
      sizes.add(simulate({ seed, servers: undefined, steps: 1, trace: undefined }).servers);
    expect([...sizes].sort()).to.deep.equal([1, 2, 3, 4, 5, 7]);
  });

  it('goes through elections, crashes, snapshots and transfers', () => {
    const all = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map(transcript).join('\n');
    for (const what of ['RequestVote of', 'crashes', 'stalls', 'InstallSnapshot of', 'TimeoutNow of'])
      expect(all.includes(what), what).to.equal(true);
  });

  function transcript(seed: number): string {
    const lines: string[] = [];
    simulate({ seed, servers: undefined, steps: STEPS, trace: (line) => lines.push(line) });
    return lines.join('\n');
  }
});
