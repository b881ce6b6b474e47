import { expect } from 'chai';
import { type SimulationResult, simulate } from './simulation.js';

/** Fewer than the simulator takes by itself: enough for some elections and faults. */
const STEPS = 1_500;

function run(seed: number, servers?: number): Promise<SimulationResult> {
  return simulate({ seed, servers, steps: STEPS, without: [], trace: undefined });
}

async function transcript(seed: number): Promise<string> {
  const lines: string[] = [];
  await simulate({ seed, servers: undefined, steps: STEPS, without: [], trace: (line) => lines.push(line) });
  return lines.join('\n');
}

describe('a simulated run', () => {
  for (const servers of [1, 2, 3, 5, 7]) {
    it(`of ${servers} servers breaks no property`, async () => {
      for (const seed of [1, 2]) {
        const result = await run(seed, servers);
        expect(result.violation?.message, `seed ${seed}`).to.equal(undefined);
        expect(result.servers).to.equal(servers);
        expect(result.operations, 'operations of clients').to.be.greaterThan(0);
        expect(result.steps).to.be.at.least(STEPS);
      }
    });
  }

  it('is the same again from the same seed, to the last event', async () => {
    for (const seed of [1, 2, 3, 4]) {
      const [first, second] = [await run(seed), await run(seed)];
      expect(second.hash).to.equal(first.hash);
      expect(second.operations).to.equal(first.operations);
    }
  });

  it('shows the same transcript again', async () => {
    expect(await transcript(1)).to.equal(await transcript(1));
  });

  it('is another one from another seed', async () => {
    expect((await run(1)).hash).not.to.equal((await run(2)).hash);
  });

  it('is the same up to the first fault that is left out', async () => {
    const options = { seed: 3, servers: 3, steps: STEPS };
    const lines: string[][] = [[], []];
    const all = await simulate({ ...options, without: [], trace: (line) => lines[0]?.push(line) });
    const [fault = ''] = all.faults;
    const less = await simulate({ ...options, without: [fault], trace: (line) => lines[1]?.push(line) });
    expect(less.faults).not.to.include(fault);
    const [first = [], second = []] = lines;
    const parting = first.findIndex((line, at) => line !== second[at]);
    expect(first[parting]).to.match(/fault \d+|strike|elected|committed|offered/);
  });
});
