import { expect } from 'chai';
import {
  backInService,
  lengthOf,
  lengthWithout,
  longestGaps,
  lostOutcomes,
  standstills,
} from '../../tools/chaos/availability.js';
import type { Fault } from '../../tools/chaos/faults.js';
import { figuresByFault } from '../../tools/chaos/figures.js';
import type { Interval } from '../../tools/chaos/health.js';
import type { HistoryLine } from '../../tools/chaos/history-file.js';
import { LeaderWatch } from '../../tools/chaos/leaders.js';
import { wrongLifetimes } from '../../tools/chaos/lifetimes.js';
import { judge, type Run } from '../../tools/chaos/report.js';
import { repeatedVersions } from '../../tools/chaos/versions.js';

const MS = 1_000_000;
const S = 1_000 * MS;

let clock = 0;

/** An operation that began and ended after the one before, unless told otherwise. */
function line(facts: Partial<HistoryLine>): HistoryLine {
  clock += 10;
  return {
    client: 0,
    op: 'get',
    key: 'k',
    value: null,
    version: null,
    expected: null,
    ttlMs: null,
    call: clock,
    return: clock + 5,
    outcome: 'ok',
    ...facts,
  };
}

function set(value: string, facts: Partial<HistoryLine> = {}): HistoryLine {
  return line({ op: 'set', value, ...facts });
}

function writesAt(...timesNs: readonly number[]): HistoryLine[] {
  return timesNs.map((atNs, i) => set(`v${i}`, { call: atNs - 1, return: atNs }));
}

function runOf(facts: Partial<Run>): Run {
  const leaders = { terms: 1, conflicts: [] };
  return {
    startNs: 0,
    lines: [],
    faults: [],
    intervals: [],
    recoveries: [],
    leaders,
    differences: [],
    told: { findings: [], summary: [] },
    turns: [],
    ...facts,
  };
}

describe('the judgement of a chaos run', () => {
  it('is right when nothing is wrong', () => {
    const lines = [set('a', { version: 1 }), line({ value: 'a', version: 1 })];
    const { isRight, lastLine, drawings } = judge(runOf({ lines }));
    expect(lastLine).to.equal('chaos: 2 ops, 0 faults, linearizable');
    expect(isRight).to.equal(true);
    expect(drawings).to.deep.equal([]);
  });

  it('names turns of the program that took a thread too long, and no others', () => {
    const turn = { thread: 'main', ageMs: 20_000, atMs: 0, cpuMs: 45, lateMs: 900 };
    expect(judge(runOf({ turns: [turn] })).isRight).to.equal(true);
    const { isRight, report } = judge(runOf({ turns: [turn, { ...turn, thread: 'worker 3', cpuMs: 120 }] }));
    expect(isRight).to.equal(false);
    expect(report.join('\n'))
      .to.include("longest turn by a thread's CPU time: 45 ms of the main thread, 120 ms of servers")
      .and.to.include('of more than 50 ms: 1\n  worker 3: 120 ms at');
  });

  it('names and draws a stale read', () => {
    const lines = [set('a', { client: 1 }), set('b', { client: 2 }), line({ client: 3, value: 'a' })];
    const { isRight, report, lastLine, drawings } = judge(runOf({ lines }));
    expect(isRight).to.equal(false);
    expect(lastLine).to.equal('chaos: 3 ops, 0 faults, NOT linearizable');
    expect(report.at(-1)).to.include('k: no order').and.to.include('client 3 get: a');
    expect(drawings).to.have.length(1);
    expect(drawings[0])
      .to.match(/^<svg /)
      .and.to.include('client 3')
      .and.to.include('get: a');
  });

  it('lets a write of unknown outcome happen or not, and one that was turned down not happen', () => {
    const unknown = set('b', { return: null, outcome: 'unknown' });
    const failed = set('b', { outcome: 'failed' });
    const before = set('a');
    const seen = line({ value: 'b' });
    const unseen = line({ value: 'a' });
    const verdicts = [
      [before, unknown, seen],
      [before, unknown, unseen],
      [before, failed, unseen],
      [before, failed, seen],
    ].map((lines) => judge(runOf({ lines })).isRight);
    expect(verdicts).to.deep.equal([true, true, true, false]);
  });

  it('is not right when servers differ, a term had two leaders or nothing was acknowledged for too long', () => {
    const intervals = [{ fromNs: 0, untilNs: 2 * S + 1 }];
    const leaders = { terms: 2, conflicts: ['servers 0 and 1 both led in term 3'] };
    const recoveries = [{ fromNs: 0, untilNs: 10 * S + 1 }];
    for (const facts of [{ differences: ['k: differs'] }, { leaders }, { intervals }, { recoveries }]) {
      const { isRight, lastLine } = judge(runOf(facts));
      expect(isRight).to.equal(false);
      expect(lastLine).to.equal('chaos: 0 ops, 0 faults, linearizable');
    }
  });

  it('is not right when a key lived too long, and passes over its order', () => {
    const lines = [set('a', { ttlMs: 1_000, call: 0, return: S }), line({ call: 3 * S, value: 'a' })];
    const { isRight, report, lastLine } = judge(runOf({ lines }));
    expect(isRight).to.equal(false);
    expect(report.join('\n')).to.include('k, to live 1000 ms, was found after 2000 ms at least');
    expect(lastLine).to.equal('chaos: 2 ops, 0 faults, linearizable');
    expect(
      judge(
        runOf({ lines: [lines[0] ?? line({}), line({ outcome: 'not-found', call: 4 * S, return: 5 * S })] }),
      ).isRight,
    ).to.equal(true);
  });
});

describe('the longest time without an acknowledged write', () => {
  const gapIn = (lines: readonly HistoryLine[], ...intervals: readonly Interval[]) => {
    const [gap] = longestGaps(lines, intervals);
    return gap === undefined ? undefined : lengthOf(gap) / S;
  };

  it('is measured from the beginning and to the end of an interval', () => {
    expect(gapIn(writesAt(4 * S), { fromNs: S, untilNs: 6 * S })).to.equal(3);
    expect(gapIn(writesAt(4 * S), { fromNs: 3 * S, untilNs: 9 * S })).to.equal(5);
    expect(gapIn([], { fromNs: 0, untilNs: S })).to.equal(1);
  });

  it('does not count when no majority was well', () => {
    expect(gapIn(writesAt(S, 9 * S), { fromNs: 0, untilNs: S }, { fromNs: 8 * S, untilNs: 9 * S })).to.equal(
      1,
    );
    expect(gapIn(writesAt(S))).to.equal(undefined);
  });

  it('is not ended by reads, nor by writes of unknown outcome', () => {
    const read = line({ call: 2 * S, return: 2 * S });
    const unknown = set('x', { call: 2 * S, return: null, outcome: 'unknown' });
    expect(gapIn([read, unknown], { fromNs: 0, untilNs: 4 * S })).to.equal(4);
  });
});

describe('the time for which the clients stood still', () => {
  it('is that without any call, and not counted', () => {
    const lines = [S, 1.5 * S, 4 * S, 4.5 * S].map((call) => line({ call }));
    const stalls = standstills(lines);
    expect(stalls).to.deep.equal([{ fromNs: 1.5 * S, untilNs: 4 * S }]);
    expect(lengthWithout({ fromNs: 0, untilNs: 9 * S }, stalls)).to.equal(6.5 * S);
    expect(lengthWithout({ fromNs: 3 * S, untilNs: 9 * S }, stalls)).to.equal(5 * S);
    expect(lengthWithout({ fromNs: 5 * S, untilNs: 9 * S }, stalls)).to.equal(4 * S);
  });
});

describe('being back in service', () => {
  it('takes until all servers are well and a write is acknowledged that was asked for after the faults', () => {
    const early = set('a', { call: 0, return: 3 * S });
    const late = set('b', { call: S, return: 5 * S });
    const longestS = (lines: readonly HistoryLine[], untilNs: number) =>
      backInService(lines, [{ fromNs: S, untilNs }]).map((recovery) => lengthOf(recovery) / S);
    expect(longestS([early, late], 2 * S)).to.deep.equal([4]);
    expect(longestS([early, late], 7 * S)).to.deep.equal([6]);
    expect(longestS([early], 2 * S)).to.deep.equal([Number.POSITIVE_INFINITY]);
  });
});

describe('a key that lives for a while', () => {
  const written = set('a', { key: 'm', ttlMs: 1_000, call: 0, return: 100 * MS });
  const found = (call: number) => line({ key: 'm', value: 'a', call, return: call + MS });
  const gone = (call: number) => line({ key: 'm', outcome: 'not-found', call, return: call + MS });
  const wrong = (read: HistoryLine, ...restarts: readonly Interval[]) =>
    wrongLifetimes([written, read], restarts);

  it('may be found and be gone while nobody knows, and within 1 % and the time that clocks take', () => {
    for (const read of [found(500 * MS), found(1_120 * MS), gone(980 * MS), gone(5_000 * MS)])
      expect(wrong(read)).to.deep.equal([]);
  });

  it('has lived too long when it is found later, and too short when it is gone before', () => {
    expect(wrong(found(1_140 * MS))).to.deep.equal(['m, to live 1000 ms, was found after 1040 ms at least']);
    expect(wrong(gone(900 * MS))).to.deep.equal(['m, to live 1000 ms, was gone after 901 ms at most']);
  });

  it('is passed over when the program was started again meanwhile, or nobody knows when it was written', () => {
    expect(wrong(gone(500 * MS), { fromNs: 200 * MS, untilNs: 400 * MS })).to.deep.equal([]);
    expect(wrong(gone(500 * MS), { fromNs: 600 * MS, untilNs: 800 * MS })).to.have.length(1);
    const unknown = { ...written, return: null, outcome: 'unknown' as const };
    expect(wrongLifetimes([unknown, found(9 * S)], [])).to.deep.equal([]);
  });
});

describe('repeated versions', () => {
  it('are those that came with two values', () => {
    const lines = [
      set('a', { version: 1 }),
      line({ value: 'a', version: 1 }),
      set('b', { version: 2 }),
      line({ value: 'c', version: 2 }),
      set('d', { version: null }),
    ];
    expect(repeatedVersions(lines)).to.deep.equal(['k in version 2 was b and c']);
  });

  it('are fine for keys that are deleted', () => {
    const lines = [set('a', { version: 1 }), line({ op: 'delete' }), set('b', { version: 1 })];
    expect(repeatedVersions(lines)).to.deep.equal([]);
  });
});

describe('the watch over leaders', () => {
  const server = (id: number, role: string, term: number) => ({
    id,
    role,
    term,
    state: 'running' as const,
    commitIndex: 0,
    lastApplied: 0,
    lastIndex: 0,
    host: '',
    port: 0,
  });

  it('sees two leaders of one term, also one after the other', () => {
    const watch = new LeaderWatch();
    watch.note({ leader: 0, servers: [server(0, 'leader', 1), server(1, 'follower', 1)] });
    watch.note({ leader: 1, servers: [server(0, 'leader', 1), server(1, 'leader', 2)] });
    expect(watch.conflicts).to.deep.equal([]);
    watch.note({ leader: 1, servers: [server(0, 'follower', 2), server(1, 'leader', 1)] });
    expect(watch.conflicts).to.deep.equal(['servers 0 and 1 both led in term 1']);
    expect(watch.terms).to.equal(2);
  });
});

describe('outcomes that the router lost', () => {
  const lost = set('a', { call: 0, return: null, outcome: 'unknown' });

  it('are wrong, however rare, where the router has not waited for the next leader', () => {
    expect(judge(runOf({ lines: [lost] })).isRight).to.equal(true);
    const verdict = judge(runOf({ lines: [{ ...lost, lostAtNs: 400 * MS }] }));
    expect(verdict.isRight).to.equal(false);
    expect(verdict.report.join('\n')).to.include('outcomes that the router lost: 1\n  client ');
  });

  it('are wrong later, too, if a majority was well and connected all the time', () => {
    const late = { ...lost, lostAtNs: 900 * MS };
    const whole = [{ fromNs: 0, untilNs: 950 * MS }];
    const parts = [
      { fromNs: 0, untilNs: 500 * MS },
      { fromNs: 500 * MS, untilNs: 950 * MS },
    ];
    expect(lostOutcomes([late], whole, [])).to.deep.equal([late]);
    expect(lostOutcomes([late], parts, [])).to.deep.equal([]);
    expect(lostOutcomes([late], whole, [{ fromNs: 100 * MS, untilNs: 200 * MS }])).to.deep.equal([]);
  });
});

describe('the figures by fault', () => {
  it('tell how long it took until a write went through, and how long operations took meanwhile', () => {
    const fault: Fault = { kind: 'kill', what: 'kill 0', fromNs: 100 * MS, untilNs: 200 * MS };
    const lines = [
      set('a', { call: 90 * MS, return: 101 * MS }),
      set('b', { call: 110 * MS, return: 170 * MS }),
      set('c', { call: 120 * MS, return: 150 * MS }),
      line({ call: 130 * MS, return: 132 * MS }),
      line({ call: 210 * MS, return: 999 * MS }),
    ];
    expect(figuresByFault(lines, [fault])).to.deep.equal([
      {
        kind: 'kill',
        count: 1,
        firstWriteMs: { p50: 50, p99: 50, worst: 50 },
        latencyMs: { p50: 30, p99: 60, worst: 60 },
      },
    ]);
  });

  it('tell of no write where none went through', () => {
    const fault: Fault = { kind: 'process', what: 'process is killed', fromNs: 0, untilNs: S };
    expect(figuresByFault([], [fault])[0]).to.include({ firstWriteMs: undefined, latencyMs: undefined });
  });
});
