import { expect } from 'chai';
import { ErrorReply, type RespValue } from '../../src/protocol/resp/value.js';
import { DurationHistogram } from '../../src/server/histogram.js';
import { ServerMetrics } from '../../src/server/server-metrics.js';
import { COMMAND_RESULTS, COMMAND_TYPES, DURATION_BOUNDS_S } from '../../src/wire/measurements.js';

const OK = { type: 'ok', version: 1 } as const;
const VALUE = { type: 'value', value: 'x' } as const;

describe('DurationHistogram', () => {
  it('counts a duration in the first bucket whose bound it does not exceed', () => {
    const histogram = new DurationHistogram();
    histogram.observeMs(1);
    histogram.observeMs(1.5, 3);
    const { counts, sumS } = histogram.read();
    expect(counts[DURATION_BOUNDS_S.indexOf(0.001)]).to.equal(1);
    expect(counts[DURATION_BOUNDS_S.indexOf(0.002)]).to.equal(3);
    expect(sumS).to.be.closeTo(0.0055, 1e-9);
  });

  it('has a bucket for what is longer than all bounds', () => {
    const histogram = new DurationHistogram();
    histogram.observeMs(3_600_000);
    expect(histogram.read().counts.at(-1)).to.equal(1);
  });

  it('counts durations below 0 as 0', () => {
    const histogram = new DurationHistogram();
    histogram.observeMs(-5);
    expect(histogram.read()).to.deep.include({ sumS: 0 });
    expect(histogram.read().counts[0]).to.equal(1);
  });
});

describe('ServerMetrics', () => {
  it('counts commands by type and result', () => {
    const metrics = new ServerMetrics();
    metrics.answered('cas', { type: 'version-mismatch' }, 0);
    metrics.answered('cas', { type: 'version-mismatch' }, 0);
    metrics.answered(
      'getm',
      { type: 'value-with-meta', value: '', version: 1, revision: undefined, exptimeS: 0 },
      0,
    );
    metrics.answeredGets(3, 2, 0);
    metrics.flushed(0);
    const { commands, readDuration } = metrics.read();
    const count = (type: 'cas' | 'get' | 'getm', result: 'ok' | 'not_found' | 'version_mismatch') =>
      commands[COMMAND_TYPES.indexOf(type)]?.[COMMAND_RESULTS.indexOf(result)];
    expect(count('cas', 'version_mismatch')).to.equal(2);
    expect(count('getm', 'ok')).to.equal(1);
    expect([count('get', 'ok'), count('get', 'not_found')]).to.deep.equal([3, 2]);
    expect(commands.flat().reduce((sum, one) => sum + one)).to.equal(8);
    expect(readDuration.counts.reduce((sum, one) => sum + one)).to.equal(6);
  });

  it('counts errors of Redis commands as such, and redirects as redirects', () => {
    const metrics = new ServerMetrics();
    const value = (reply: RespValue) => ({ type: 'resp', value: reply }) as const;
    metrics.answered('redis', value(1), 0);
    metrics.answered('redis', value(new ErrorReply('ERR value is not an integer')), 0);
    metrics.answered('redis', value(new ErrorReply('MOVED 1 127.0.0.1:9000')), 0);
    const row = metrics.read().commands[COMMAND_TYPES.indexOf('redis')];
    expect(row?.[COMMAND_RESULTS.indexOf('ok')]).to.equal(1);
    expect(row?.[COMMAND_RESULTS.indexOf('command_error')]).to.equal(1);
    expect(row?.[COMMAND_RESULTS.indexOf('redirect')]).to.equal(1);
  });

  it('measures a command up to the moment when the replies of its turn leave', () => {
    const metrics = new ServerMetrics();
    metrics.answered('set', OK, 100);
    metrics.answered('set', OK, 104);
    metrics.answered('get', VALUE, 104);
    expect(metrics.read().writeDuration.sumS).to.equal(0);
    metrics.flushed(110);
    const { readDuration, writeDuration } = metrics.read();
    expect(writeDuration.sumS).to.be.closeTo(0.016, 1e-9);
    expect(readDuration.sumS).to.be.closeTo(0.006, 1e-9);
    metrics.flushed(200);
    expect(metrics.read().writeDuration.sumS).to.be.closeTo(0.016, 1e-9);
  });

  it('counts every command of a turn, from however many moments they are', () => {
    const metrics = new ServerMetrics();
    for (let command = 0; command < 1000; command += 1) metrics.answered('get', VALUE, command);
    metrics.flushed(1000);
    expect(metrics.read().readDuration.counts.reduce((sum, one) => sum + one)).to.equal(1000);
  });
});
