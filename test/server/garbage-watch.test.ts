import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { GarbageWatch } from '../../src/server/garbage-watch.js';

const MIB = 1024 * 1024;
const LOOKS_BETWEEN = 10;

const WATCH = new URL('../../src/server/garbage-watch.js', import.meta.url).href;

/** Tells MiB of old buffers that nobody holds, and what is left of them once the watch has looked. */
const SCRIPT = `
import { getHeapStatistics } from 'node:v8';
const { GarbageWatch } = await import(process.argv[1]);
const before = getHeapStatistics().external_memory;
const mib = () => (getHeapStatistics().external_memory - before) / 1024 / 1024;
const garbage = [];
const churn = () => {
  for (let i = 0; i < 200_000; i += 1) garbage[i % 100] = { i };
};
let kept = Array.from({ length: 20_000 }, () => Buffer.allocUnsafeSlow(2_048));
// They become old as the nursery is collected.
for (let round = 0; round < 5; round += 1) churn();
kept = [];
const heldMib = mib();
const watch = new GarbageWatch();
for (let look = 0; look < ${LOOKS_BETWEEN}; look += 1) watch.look();
const giveUpAtMs = performance.now() + 20_000;
while (mib() >= 15 && performance.now() < giveUpAtMs) {
  await new Promise((resolve) => setTimeout(resolve, 10));
  churn();
}
console.log(JSON.stringify({ heldMib, leftMib: mib() }));
`;

describe('the watch of garbage', () => {
  /** Looks as often as it takes for a collection, with this much held. Returns whether one begins. */
  function watchOf(): (heldMib: number) => boolean {
    let [held, collections] = [0, 0];
    const watch = new GarbageWatch({ heldBytes: () => held * MIB, collect: () => (collections += 1) });
    return (heldMib) => {
      held = heldMib;
      const before = collections;
      for (let look = 0; look < LOOKS_BETWEEN; look += 1) watch.look();
      return collections > before;
    };
  }

  it('has it collected once buffers are known to be garbage, whatever is held', () => {
    let [letGo, collections] = [0, 0];
    const watch = new GarbageWatch({
      heldBytes: () => 200 * MIB,
      collect: () => (collections += 1),
      takeLetGoBytes: () => letGo,
    });
    for (let look = 0; look < 2 * LOOKS_BETWEEN; look += 1) watch.look();
    const before = collections;
    letGo = MIB;
    for (let look = 0; look < LOOKS_BETWEEN; look += 1) watch.look();
    letGo = 0;
    for (let look = 0; look < 2 * LOOKS_BETWEEN; look += 1) watch.look();
    expect(collections).to.equal(before + 1);
  });

  it('has it collected after the start, and whenever there is enough of it', () => {
    const collectsAt = watchOf();
    expect(collectsAt(35)).to.equal(true);
    expect(collectsAt(30)).to.equal(false);
    expect(collectsAt(35)).to.equal(false);
    expect(collectsAt(37)).to.equal(true);
  });

  it('takes what a collection has left for what is needed', () => {
    const collectsAt = watchOf();
    expect(collectsAt(40)).to.equal(true);
    expect(collectsAt(40), 'all of it was needed').to.equal(false);
    expect(collectsAt(45)).to.equal(false);
    expect(collectsAt(47)).to.equal(true);
  });

  it('lets a thread that holds much have more of it', () => {
    const collectsAt = watchOf();
    collectsAt(400);
    expect(collectsAt(400)).to.equal(false);
    expect(collectsAt(445)).to.equal(false);
    expect(collectsAt(455)).to.equal(true);
  });

  it('has V8 free buffers that nobody holds, although they are old', async () => {
    // In a process of its own: V8 has reasons of its own to collect where others have left garbage.
    const { stdout } = await promisify(execFile)(process.execPath, [
      '--input-type=module',
      '-e',
      SCRIPT,
      WATCH,
    ]);
    const { heldMib, leftMib } = JSON.parse(stdout);
    expect(heldMib).to.be.above(30);
    expect(leftMib).to.be.below(15);
  });
});
