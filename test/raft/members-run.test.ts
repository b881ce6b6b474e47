import { expect } from 'chai';
import { runMembers } from '../support/raft/members-run.js';

const SEEDS = 150;
const STEPS = 1_500;

describe('members that change at random', () => {
  it('break no property, and get on once nothing fails any more', function () {
    this.timeout(120_000);
    let done = 0;
    let givenUp = 0;
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      try {
        const result = runMembers(seed, STEPS);
        done += result.done;
        givenUp += result.givenUp;
      } catch (error) {
        throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, {
          cause: error,
        });
      }
    }
    expect(done, 'changes that were done').to.be.above(SEEDS);
    expect(givenUp, 'changes that were given up').to.be.above(0);
  });
});
