import { expect } from 'chai';
import { NODE_ENVIRONMENT } from '../../src/environment.js';
import { Disk } from '../../src/server/disk.js';
import { DiskHealth } from '../../src/server/disk-health.js';
import { ServerMetrics } from '../../src/server/server-metrics.js';
import type { Backoff } from '../../src/storage/shortage-retries.js';
import { MAX_SHORTAGE_PAUSE_MS, MIN_SHORTAGE_PAUSE_MS } from '../../src/time-limits.js';
import type { DiskCondition } from '../../src/wire/control.js';
import { rejection } from '../support/storage.js';

const STALLED_AFTER_MS = 100;
const FULL = new Error('no space');

describe('what a server tells of its disk', () => {
  let nowMs: number;
  let timers: { readonly callback: () => void; readonly delayMs: number }[];
  let finish: () => void;
  let progress: () => void;
  let backoff: Backoff;
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
    const persist = (_: unknown, onProgress = () => undefined) =>
      new Promise<void>((resolve) => {
        finish = resolve;
        progress = onProgress;
      });
    disk = new Disk({
      environment,
      storage: { persist, readEntries: async () => [], readSnapshot: async () => undefined },
      metrics: new ServerMetrics(),
      onPersisted: () => undefined,
      onEntriesRead: () => undefined,
      onSnapshotRead: () => undefined,
      onFailed: () => undefined,
    });
    health = new DiskHealth({
      environment,
      disk,
      storage: {
        retryWith: (given) => {
          backoff = given;
        },
      },
      stalledAfterMs: STALLED_AFTER_MS,
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
    reportAt(STALLED_AFTER_MS - 1);
    expect(told).to.deep.equal([]);
    expect(health.deadlineMs).to.equal(STALLED_AFTER_MS);
    reportAt(STALLED_AFTER_MS);
    reportAt(STALLED_AFTER_MS + 1);
    finish();
    await new Promise((resolve) => setImmediate(resolve));
    reportAt(STALLED_AFTER_MS + 2);
    expect(told).to.deep.equal([{ name: 'stalled', forMs: STALLED_AFTER_MS }, { name: 'well' }]);
  });

  it('is nothing while parts of a long write are done, each in time', () => {
    for (let part = 1; part <= 5; part += 1) {
      reportAt(part * (STALLED_AFTER_MS - 1));
      progress();
    }
    expect(told).to.deep.equal([]);
  });

  it('is a shortage once one has lasted as long, and not one of a moment', () => {
    void backoff.wait(FULL);
    reportAt(STALLED_AFTER_MS - 1);
    backoff.over();
    reportAt(STALLED_AFTER_MS + 1);
    expect(told, 'the write has gone on a moment ago').to.deep.equal([]);
    void backoff.wait(FULL);
    reportAt(2 * STALLED_AFTER_MS + 1);
    expect(told).to.deep.equal([{ name: 'shortage', forMs: STALLED_AFTER_MS, reason: 'no space' }]);
  });

  it('comes with ever longer pauses between tries, up to a limit, and short ones the next time', () => {
    for (let tries = 0; tries < 12; tries += 1) void backoff.wait(FULL);
    const pauses = timers.map(({ delayMs }) => delayMs);
    expect(pauses.slice(0, 3)).to.deep.equal([1, 2, 4].map((factor) => factor * MIN_SHORTAGE_PAUSE_MS));
    expect(pauses.at(-1)).to.equal(MAX_SHORTAGE_PAUSE_MS);
    backoff.over();
    void backoff.wait(FULL);
    expect(timers.at(-1)?.delayMs).to.equal(MIN_SHORTAGE_PAUSE_MS);
  });

  it('ends with the server, and so does what waits', async () => {
    const waiting = backoff.wait(FULL);
    health.stop();
    expect(await rejection(waiting)).to.equal(FULL);
    expect(await rejection(backoff.wait(FULL))).to.equal(FULL);
  });
});
