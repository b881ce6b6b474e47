import { expect } from 'chai';
import { measureStart } from '../../tools/bench/cpu/measure.js';
import { cpuTimeUs } from '../../tools/support/cpu-time.js';
import { KEEPING_PROGRAM } from './fixtures/entries.js';

const NEVER = new AbortController().signal;

describe('CPU time per command', function () {
  this.timeout(60_000);

  before(function () {
    if (process.platform !== 'linux') this.skip();
  });

  it('is measured of each program and each load', async () => {
    const loads = [
      { row: 'set-1', operation: 'set', depth: 1, requests: 500 },
      { row: 'get-16', operation: 'get', depth: 16, requests: 2_000 },
    ] as const;
    const options = { entries: [KEEPING_PROGRAM, KEEPING_PROGRAM], loads, rounds: 1, servers: 3 };
    const figures = await measureStart(options, NEVER);
    expect(figures.map((each) => each.length)).to.deep.equal([2, 2]);
    for (const figure of figures.flat()) expect(figure).to.be.greaterThan(0);
  });

  it('of a process grows while it works', async () => {
    const before = await cpuTimeUs(process.pid);
    const deadlineMs = performance.now() + 50;
    while (performance.now() < deadlineMs);
    expect(await cpuTimeUs(process.pid)).to.be.greaterThan(before);
  });

  it('is not told of a process that has ended', async () => {
    const told = await cpuTimeUs(2 ** 30).catch(() => 'nothing');
    expect(told).to.equal('nothing');
  });
});
