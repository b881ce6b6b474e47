import { expect } from 'chai';
import { RestartPause } from '../../src/cluster/restart-pause.js';
import {
  FIRST_RESTART_PAUSE_MS,
  LONGEST_RESTART_PAUSE_MS,
  RECOVERED_AFTER_MS,
} from '../../src/time-limits.js';

describe('the pause before a dead server is restarted', () => {
  it('doubles with each death in a row, up to a limit', () => {
    const pause = new RestartPause();
    const pausesMs = Array.from({ length: 9 }, () => pause.afterDeath(0));
    expect(pausesMs).to.deep.equal([
      100,
      200,
      400,
      800,
      1600,
      3200,
      LONGEST_RESTART_PAUSE_MS,
      LONGEST_RESTART_PAUSE_MS,
      LONGEST_RESTART_PAUSE_MS,
    ]);
  });

  it('starts again with the first one after a server that had recovered', () => {
    const pause = new RestartPause();
    pause.afterDeath(0);
    pause.afterDeath(0);
    expect(pause.afterDeath(RECOVERED_AFTER_MS)).to.equal(FIRST_RESTART_PAUSE_MS);
    expect(pause.afterDeath(RECOVERED_AFTER_MS - 1)).to.equal(2 * FIRST_RESTART_PAUSE_MS);
  });
});
