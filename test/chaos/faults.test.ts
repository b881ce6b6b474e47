/** Whom a fault of the chaos run is done to. */

import { expect } from 'chai';
import { type Scene, victims } from '../../tools/chaos/faults.js';
import { Site } from '../../tools/chaos/site.js';
import { Random } from '../../tools/support/random.js';

describe('the victims of a fault', () => {
  it('are members, also when the leader is removed while it is asked for', async () => {
    const site = siteLedBy(0);
    for (let seed = 1; seed <= 20; seed++)
      expect(await victims(sceneOf(site, seed))).to.have.members([1, 2, 3]);
  });

  it('often are the leader first', async () => {
    const site = siteLedBy(2);
    const first = [];
    for (let seed = 1; seed <= 100; seed++) first.push((await victims(sceneOf(site, seed)))[0]);
    expect(first.filter((id) => id === 2).length).to.be.greaterThan(50);
  });
});

function siteLedBy(leader: number): Site {
  const tell = async () => ({ leader });
  return Object.create(Site.prototype, { ids: { value: [1, 2, 3] }, tell: { value: tell } });
}

function sceneOf(site: Site, seed: number): Scene {
  return { site, random: new Random(seed), begin: () => undefined, hold: async () => undefined };
}
