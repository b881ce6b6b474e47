import { expect } from 'chai';
import { countRounds, planOf, type ThroughputOptions } from '../../tools/bench/cases.js';
import type { ProgramTarget } from '../../tools/bench/target.js';

const OPTIONS: ThroughputOptions = {
  targets: [program(3)],
  protocols: ['text', 'resp'],
  peers: ['redis', 'etcd'],
  operations: ['set', 'mixed'],
  connections: [1, 1_000],
  depths: [1],
  keyspaces: [{ keys: 10, valueBytes: 16 }],
  limit: { type: 'requests', requests: 1 },
  rounds: 5,
};

describe('The plan of the throughput benchmark', () => {
  it('lets all systems run at the same time when there is one of each', () => {
    const plan = planOf(OPTIONS);
    expect(plan.groups.map(({ sites }) => sites.map(({ system }) => system))).to.deep.equal([
      ['threadraft', 'redis', 'etcd'],
    ]);
    expect(plan).to.include({ visits: 1, roundsPerVisit: 5 });
    expect(countRounds(plan)).to.equal(16 * 6);
  });

  it('speaks to each system in its own protocols', () => {
    const [, ...rest] = planOf(OPTIONS).cases.slice(0, 4);
    expect(rest.map(({ system, protocol }) => [system, protocol])).to.deep.equal([
      ['threadraft', 'resp'],
      ['redis', 'resp'],
      ['etcd', 'etcd'],
    ]);
  });

  for (const [what, changes] of [
    ['servers', { targets: [program(1), program(7)] }],
    ['durability', { targets: [program(3), { ...program(3), durability: 'memory' as const }] }],
    ['transport', { targets: [program(3), { ...program(3), transport: 'tls' as const }] }],
    ['keys', { keyspaces: [10, 20].map((keys) => ({ keys, valueBytes: 16 })) }],
  ] as const)
    it(`starts systems anew for each round, one at a time, in a sweep over ${what}`, () => {
      const plan = planOf({ ...OPTIONS, ...changes, peers: [] });
      expect(plan.groups.map(({ sites, cases }) => [sites.length, cases.length])).to.deep.equal([
        [1, 8],
        [1, 8],
      ]);
      expect(plan).to.include({ visits: 5, roundsPerVisit: 1 });
      expect(countRounds(plan)).to.equal(16 * 5 * 2);
    });

  it('measures a peer once, whatever the number of servers, and for each durability', () => {
    const targets = [program(1), program(5), { ...program(5), durability: 'no-fsync' as const }];
    const { groups } = planOf({ ...OPTIONS, targets, peers: ['etcd'] });
    const peers = groups.flatMap(({ sites }) => sites).filter(({ system }) => system === 'etcd');
    expect(peers.map(({ servers, durability }) => [servers, durability])).to.deep.equal([
      [3, 'fsync'],
      [3, 'no-fsync'],
    ]);
  });
});

function program(servers: number): ProgramTarget {
  return { type: 'program', servers, durability: 'fsync', via: 'leader' };
}
