import { expect } from 'chai';
import { Pause } from '../../../src/server/clients/pause.js';

describe('a pause', () => {
  it('that is longer holds when a shorter one follows, but not once it was ended', () => {
    const pause = new Pause();
    expect(pause.isOn).to.equal(false);
    pause.begin(1_000, { holdsAll: false });
    pause.begin(500, { holdsAll: false });
    expect(pause.deadlineMs).to.equal(1_000);
    pause.end();
    expect(pause.deadlineMs).to.be.at.most(1);
    pause.takeOver(10);
    expect(pause.isOn).to.equal(false);
    pause.begin(500, { holdsAll: false });
    expect(pause.deadlineMs).to.equal(500);
  });

  it('that is ended and begun anew in one turn is as short as the new one', () => {
    const pause = new Pause();
    pause.begin(1_000, { holdsAll: true });
    pause.end();
    pause.begin(500, { holdsAll: false });
    expect(pause.deadlineMs).to.equal(500);
    expect(pause.holdsReads).to.equal(false);
  });
});
