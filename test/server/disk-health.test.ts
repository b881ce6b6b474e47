import { expect } from 'chai';
import { NODE_ENVIRONMENT } from '../../src/environment.js';
import { MAX_LACK_PAUSE_MS, MIN_LACK_PAUSE_MS } from '../../src/limits.js';
import { Disk } from '../../src/server/disk.js';
import { DiskHealth } from '../../src/server/disk-health.js';
import { ServerMetrics } from '../../src/server/metrics.js';
import type { Patience } from '../../src/storage/lack-retries.js';
import type { DiskCondition } from '../../src/wire/control.js';
import { rejection } from '../support/storage.js';

const SILENT_AFTER_MS = 100;
const FULL = new Error('no space');

describe('what a server tells of its disk', () => {
  let nowMs: number;
  let timers: { readonly callback: () => void; readonly delayMs: number }[];
  let finish: () => void;
  let patience: Patience;
  let told: DiskCondition[];
  let disk: Disk;
  let health: DiskHealth;

  beforeEach(() => {
    nowMs = 0;
    timers = [];
    told = [];
    const environment = {
      ...NODE_ENVIRONMENT,
      nowMs: () => nowMs,
      random: () => 1,
      startTimer: (callback: () => void, delayMs: number) => {
        timers.push({ callback, delayMs });
        return { cancel: () => undefined };
      },
    };
    const persist = () =>
      new Promise<void>((resolve) => {
        finish = resolve;
      });
    disk = new Disk({
      environment,
      storage: { persist },
      metrics: new ServerMetrics(),
      onPersisted: () => undefined,
      onFailed: () => undefined,
    });
    health = new DiskHealth({
      environment,
      disk,
      storage: {
        waitWith: (given) => {
          patience = given;
        },
      },
      silentAfterMs: SILENT_AFTER_MS,
      onActivity: () => undefined,
      onChange: (condition) => told.push(condition),
    });
    disk.write([{ sequence: 1, hardState: undefined, entries: [], snapshotChunk: undefined }]);
  });

  function reportAt(atMs: number): void {
    nowMs = atMs;
    health.report();
  }

  it('is silence once a write has taken an election timeout, and its end', async () => {
    reportAt(SILENT_AFTER_MS - 1);
    expect(told).to.deep.equal([]);
    expect(health.deadlineMs).to.equal(SILENT_AFTER_MS);
    reportAt(SILENT_AFTER_MS);
    reportAt(SILENT_AFTER_MS + 1);
    finish();
    await new Promise((resolve) => setImmediate(resolve));
    reportAt(SILENT_AFTER_MS + 2);
    expect(told).to.deep.equal([{ name: 'silent', forMs: SILENT_AFTER_MS }, { name: 'well' }]);
  });

  it('is what it lacks once that has lasted as long, and not what it lacked for a moment', () => {
    void patience.wait(FULL);
    reportAt(SILENT_AFTER_MS - 1);
    patience.over();
    reportAt(SILENT_AFTER_MS + 1);
    expect(told, 'the write has gone on a moment ago').to.deep.equal([]);
    void patience.wait(FULL);
    reportAt(2 * SILENT_AFTER_MS + 1);
    expect(told).to.deep.equal([{ name: 'lacking', forMs: SILENT_AFTER_MS, reason: 'no space' }]);
  });

  it('comes with ever longer pauses between tries, up to a limit, and short ones the next time', () => {
    for (let tries = 0; tries < 12; tries += 1) void patience.wait(FULL);
    const pauses = timers.map(({ delayMs }) => delayMs);
    expect(pauses.slice(0, 3)).to.deep.equal([1, 2, 4].map((factor) => factor * MIN_LACK_PAUSE_MS));
    expect(pauses.at(-1)).to.equal(MAX_LACK_PAUSE_MS);
    patience.over();
    void patience.wait(FULL);
    expect(timers.at(-1)?.delayMs).to.equal(MIN_LACK_PAUSE_MS);
  });

  it('ends with the server, and so does what waits', async () => {
    const waiting = patience.wait(FULL);
    health.stop();
    expect(await rejection(waiting)).to.equal(FULL);
    expect(await rejection(patience.wait(FULL))).to.equal(FULL);
  });
});
