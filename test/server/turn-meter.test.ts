import { expect } from 'chai';
import { ServerMetrics } from '../../src/server/server-metrics.js';
import { TurnMeter } from '../../src/server/turn-meter.js';

describe('the meter of turns', () => {
  it('tells what the longest turn did, and forgets it once told', () => {
    const metrics = new ServerMetrics();
    const turns = new TurnMeter(metrics);
    turns.begin(0);
    metrics.appliedUnits += 10;
    turns.end(5);
    turns.begin(10);
    metrics.appliedUnits += 20;
    metrics.walkedUnits += 30;
    metrics.messagesReceived += 2;
    metrics.clientBytes += 40;
    turns.end(40);
    turns.begin(50);
    metrics.appliedUnits += 1;
    turns.end(51);
    expect(turns.takeLongest()).to.deep.equal({
      tookMs: 30,
      appliedUnits: 20,
      walkedUnits: 30,
      messages: 2,
      clientBytes: 40,
    });
    turns.begin(60);
    turns.end(61);
    expect(turns.takeLongest().tookMs).to.equal(1);
  });

  it('counts every turn, and the units of work of the last', () => {
    const metrics = new ServerMetrics();
    const turns = new TurnMeter(metrics);
    turns.begin(0);
    metrics.appliedUnits += 10;
    turns.end(5);
    turns.begin(6);
    metrics.walkedUnits += 7;
    turns.end(8);
    expect(turns.lastUnits).to.equal(7);
    expect(metrics.read().turnDuration.sumS).to.be.closeTo(0.007, 1e-9);
  });
});
