import { expect } from 'chai';
import { Health } from '../../tools/chaos/health.js';

describe('the health of a cluster under faults', () => {
  let nowNs: number;
  let health: Health;

  beforeEach(() => {
    nowNs = 0;
    health = new Health(3, () => nowNs);
    at(10, () => health.programUp());
  });

  function at(ns: number, act: () => void): void {
    nowNs = ns;
    act();
  }

  /** As text, in the order of their beginnings. */
  function intervals(): string[] {
    return health
      .intervals()
      .map(({ fromNs, untilNs }) => `${fromNs}-${untilNs}`)
      .sort();
  }

  it('is that of every majority', () => {
    at(50, () => undefined);
    expect(intervals()).to.deep.equal(['10-50', '10-50', '10-50']);
  });

  it('ends for those majorities that a server was in which is unwell', () => {
    at(20, () => health.unwell(2));
    at(30, () => health.well(2));
    at(50, () => undefined);
    expect(intervals()).to.deep.equal(['10-20', '10-20', '10-50', '30-50', '30-50']);
  });

  it('ends for those that a bad link is in, in whatever direction', () => {
    at(20, () => health.setBadLinks([[1, 0]]));
    at(50, () => undefined);
    expect(intervals()).to.deep.equal(['10-20', '10-50', '10-50']);
  });

  it('does not join one majority’s time to that of another', () => {
    at(20, () => health.unwell(0));
    at(30, () => {
      health.unwell(1, 2);
      health.well(0);
    });
    at(40, () => health.well(1));
    at(50, () => undefined);
    expect(intervals()).to.deep.equal(['10-20', '10-20', '10-30', '40-50']);
  });

  it('needs all servers while members change, and a majority of the new ones after', () => {
    at(20, () => health.membersChange([0, 1, 2, 3]));
    at(30, () => health.unwell(0));
    at(40, () => health.setMembers([1, 2, 3]));
    at(50, () => undefined);
    expect(intervals()).to.deep.equal(['10-20', '10-20', '10-20', '20-30', '40-50', '40-50', '40-50']);
  });

  it('ends for a server that has two faults until both are over', () => {
    at(20, () => health.unwell(2));
    at(25, () => health.unwell(2));
    at(30, () => health.well(2));
    at(40, () => health.well(2));
    at(50, () => undefined);
    expect(intervals()).to.deep.equal(['10-20', '10-20', '10-50', '40-50', '40-50']);
  });

  it('ends with the program, and begins with it', () => {
    at(30, () => health.programDown());
    at(40, () => health.programUp());
    at(50, () => undefined);
    expect(intervals()).to.deep.equal(['10-30', '10-30', '10-30', '40-50', '40-50', '40-50']);
  });

  it('keeps bad links when the program starts again', () => {
    at(20, () => health.programDown());
    at(20, () =>
      health.setBadLinks([
        [0, 1],
        [1, 2],
        [0, 2],
      ]),
    );
    at(30, () => health.programUp());
    at(50, () => undefined);
    expect(intervals()).to.deep.equal(['10-20', '10-20', '10-20']);
  });
});
