import { expect } from 'chai';
import { LoopWatch } from '../../src/server/loop-watch.js';
import { eventually } from '../support/cluster.js';

describe('the watch of an event loop', () => {
  it('tells of a block within a second, and of one that a second ends in', async () => {
    const blocks: number[] = [];
    const longest = () => Math.max(0, ...blocks);
    const watch = new LoopWatch((blockedMs) => blocks.push(blockedMs));
    try {
      await eventually('it has looked once', () => blocks.length === 1);
      const { secondsWithLongTurns } = watch.read();
      block(300);
      await eventually('it tells of 300 ms', () => longest() >= 280);
      expect(watch.read().longestMs).to.be.at.least(280);
      expect(watch.read().secondsWithLongTurns).to.be.above(secondsWithLongTurns);
      block(1_500);
      await eventually('it tells of 1.5 s', () => longest() >= 1_480);
    } finally {
      watch.stop();
    }
  });
});

function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
