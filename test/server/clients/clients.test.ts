import { expect } from 'chai';
import { Follower, set } from '../../support/server/server-side.js';

describe('the router’s clients at a server that does not lead', () => {
  it('are sent back', () => {
    const follower = new Follower();
    follower.route(1, set('k', 'x'));
    expect(follower.turn()).to.equal('<refuse>');
  });
});
