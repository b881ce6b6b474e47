/**
 * Figure 8 of the Raft paper: why a leader must not commit an entry of an earlier term by counting its copies.
 * S1 to S5 of the figure are servers 0 to 4.
 */

import { expect } from 'chai';
import { Group } from '../support/raft/group.js';
import { HEARTBEAT_MS } from '../support/raft/server.js';

describe('figure 8 of the paper', () => {
  /** Up to (c): S1 leads term 4 and knows that its entry of term 2 is on three of five servers. */
  function untilC(): Group {
    // (a) S1 led term 2 and had replicated its entry `bb` to S2 when it crashed.
    const logs = ['1:a 2:bb', '1:a 2:bb', '1:a', '1:a', '1:a'];
    // With messages this small each entry travels alone.
    const group = Group.withLogs(logs, { term: 2, maxAppendBytes: 1 });
    group.crash(0);

    // (b) S5 is elected in term 3 by S3 and S4, takes another entry at index 2, and crashes.
    group.win(4);
    expect(group.log(4)).to.equal('1:a 3:-');
    group.crash(4);
    group.drop();

    // (c) S1 restarts, is elected in term 4, and goes on to replicate `bb`, to S3.
    group.restart(0);
    group.win(0);
    group.drop();
    group.advance(HEARTBEAT_MS);
    group.deliver({ to: 1 });
    group.deliver({ to: 2 });
    group.deliver({ to: 0 });
    group.deliver({ to: 2 });
    group.deliver({ to: 0 });
    group.drop({ to: 2 });
    expect([0, 1, 2, 3].map((id) => group.log(id))).to.deep.equal([
      '1:a 2:bb 4:-',
      '1:a 2:bb',
      '1:a 2:bb',
      '1:a',
    ]);
    return group;
  }

  it('(c) does not commit the entry of term 2, which is on a majority', () => {
    expect(untilC().commitIndex(0)).to.equal(0);
  });

  it('(d) lets S5 overwrite it, if S1 crashes there', () => {
    const group = untilC();
    group.crash(0);
    group.drop();
    group.restart(4);
    group.elect(4);
    for (const id of [1, 2, 3, 4]) expect(group.log(id)).to.equal('1:a 3:- 5:-');
    expect(group.applied(4)).to.equal('a');
  });

  it('(e) commits it along with an entry of term 4 on a majority, and then S5 cannot win', () => {
    const group = untilC();
    group.cut(0, 3);
    group.run(2 * HEARTBEAT_MS);
    expect(group.log(2)).to.equal('1:a 2:bb 4:-');
    expect(group.applied(0)).to.equal('a bb');

    group.crash(0);
    group.restart(4);
    expect(() => group.elect(4)).to.throw('was not elected');
    group.elect(1);
    expect(group.applied(1)).to.equal('a bb');
  });
});
