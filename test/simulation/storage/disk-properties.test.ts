import { expect } from 'chai';
import { runDisk, type Sight } from './disk-run.js';

const SEEDS = 300;

describe('a server’s storage on a disk that fails', () => {
  it('holds all that it reported, perhaps more of what it was given, and nothing else', async function () {
    this.timeout(60_000);
    const sights = new Set<Sight>();
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      try {
        for (const sight of await runDisk(seed)) sights.add(sight);
      } catch (cause) {
        throw new Error(`seed ${seed}: ${cause instanceof Error ? cause.message : cause}`, { cause });
      }
    }
    expect([...sights]).to.have.members([
      'crash in a write',
      'crash in an opening',
      'disk error in a write',
      'disk error in an opening',
      'more than was reported',
      'truncated',
      'installed',
      'compacted',
      'waited for a shortage to pass',
    ]);
  });
});
