import { mkdir, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { LOG_ORIGIN } from '../../src/raft/log.js';
import type { Entry, HardState, LogIndex, LogPosition } from '../../src/raft/types.js';
import { frameBytes, SECTOR_BYTES } from '../../src/storage/log-frame.js';
import { DamagedLogError } from '../../src/storage/log-recovery.js';
import { SegmentLog } from '../../src/storage/segment-log.js';
import { entries, entry, readable, rejection, useDirectory } from './support.js';

const SEGMENT_BYTES = 8 * SECTOR_BYTES;
const HEADER_BYTES = 32;
const ENTRY_HEADER_BYTES = 20;

function append(log: SegmentLog, appended: readonly Entry[], hardState?: HardState): Promise<void> {
  return log.append({ hardState, entries: appended });
}

/** What tells the log which segments count. */
interface Written {
  first: number;
  newest: number;
  logStart: LogPosition;
}

describe('the log in segments', () => {
  const directory = useDirectory();
  let written: Written;

  beforeEach(() => {
    written = { first: 1, newest: 0, logStart: LOG_ORIGIN };
  });

  async function withLog<T>(
    action: (log: SegmentLog, entries: readonly Entry[], hardState: HardState) => T | Promise<T>,
    { reaches = 0, segmentBytes = SEGMENT_BYTES } = {},
  ): Promise<T> {
    const { log, recovered } = await SegmentLog.open({
      directory: directory(),
      fsync: false,
      range: written,
      logStart: written.logStart,
      reaches,
      onNewest: async (number) => {
        written.newest = number;
      },
      segmentBytes,
    });
    try {
      return await action(log, recovered.entries, recovered.hardState);
    } finally {
      await log.close();
    }
  }

  function appendAll(...frames: (readonly Entry[])[]): Promise<void> {
    return withLog(async (log) => {
      for (const frame of frames) await append(log, frame);
    });
  }

  function recover(): Promise<readonly unknown[]> {
    return withLog((_, recovered) => readable(recovered));
  }

  async function moveStart(log: SegmentLog, logStart: LogPosition): Promise<void> {
    written.logStart = logStart;
    written.first = log.firstBehind(logStart.index);
    await log.dropBefore(written.first);
  }

  function pathOf(number: number): string {
    return join(directory(), `0000000${number}.segment`);
  }

  /** An entry that takes so many sectors by itself. */
  function entryOf(index: LogIndex, sectors: number, term = 1): Entry {
    const made = entry(
      index,
      term,
      String(index % 10).repeat(sectors * SECTOR_BYTES - HEADER_BYTES - ENTRY_HEADER_BYTES),
    );
    expect(frameBytes([made])).to.equal(sectors * SECTOR_BYTES);
    return made;
  }

  it('holds what an array would hold, wherever segments end, start and are dropped', async () => {
    const step = fc.record({
      back: fc.nat({ max: 6 }),
      lengths: fc.array(fc.nat({ max: 3000 }), { maxLength: 4 }),
      votedFor: fc.option(fc.nat({ max: 2 }), { nil: undefined }),
      next: fc.constantFrom('go on', 'go on', 'reopen', 'drop'),
      drop: fc.nat({ max: 5 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        await rm(directory(), { recursive: true });
        written = { first: 1, newest: 0, logStart: LOG_ORIGIN };
        let log: Entry[] = [];
        let hardState: HardState = { currentTerm: 0, votedFor: undefined };
        let remaining = [...steps];
        while (remaining.length > 0) {
          await withLog(async (segments, recovered, found) => {
            expect(readable(recovered)).to.deep.equal(readable(log));
            expect(found).to.deep.equal(hardState);
            while (remaining.length > 0) {
              const [current, ...others] = remaining;
              remaining = others;
              if (current === undefined) return;
              const term = hardState.currentTerm + 1;
              hardState = { currentTerm: term, votedFor: current.votedFor };
              const { index: start } = written.logStart;
              const from = Math.max(start + 1, start + log.length + 1 - current.back);
              const added = current.lengths.map((length, at) => entry(from + at, term, 'x'.repeat(length)));
              if (added.length > 0) log = [...log.slice(0, from - start - 1), ...added];
              await append(segments, added, hardState);
              const dropped = log[current.drop];
              if (current.next === 'drop' && dropped !== undefined) {
                log = log.slice(current.drop + 1);
                await moveStart(segments, { index: dropped.index, term: dropped.term });
              }
              if (current.next === 'reopen') return;
            }
          });
        }
        expect(await recover()).to.deep.equal(readable(log));
      }),
      { seed: 1, numRuns: 50 },
    );
  });

  it('knows the hard state when all segments but an empty one were dropped, or it begins anew', async () => {
    const hardState = { currentTerm: 7, votedFor: 0 };
    await withLog((log) => append(log, [entryOf(1, 6)], hardState));
    expect(written.newest, 'empty so far').to.equal(2);
    await withLog((log, _, found) => {
      expect(found).to.deep.equal(hardState);
      return moveStart(log, { index: 1, term: 1 });
    });
    expect(written.first).to.equal(2);
    await withLog(async (log, _, found) => {
      expect(found).to.deep.equal(hardState);
      written.first = await log.begin();
      await log.dropBefore(written.first);
    });
    expect(await withLog((_log, _entries, found) => found)).to.deep.equal(hardState);
  });

  it('does without a write of which a crash kept any sectors from the disk, and goes on', async () => {
    const sectors = 5;
    await appendAll([entryOf(1, 2)], [entryOf(2, sectors)]);
    const whole = await readFile(pathOf(1));
    for (let mask = 0; mask < 2 ** sectors - 1; mask += 1) {
      const torn = Buffer.from(whole);
      for (let sector = 0; sector < sectors; sector += 1) {
        const at = (1 + 2 + sector) * SECTOR_BYTES;
        if ((mask & (1 << sector)) === 0) torn.fill(0, at, at + SECTOR_BYTES);
      }
      await writeFile(pathOf(1), torn);
      await writeFile(pathOf(2), Buffer.alloc(SEGMENT_BYTES));
      written.newest = 2;
      const log = [entryOf(1, 2), entry(2, 7)];
      await withLog(async (segments, recovered) => {
        expect(readable(recovered), `sectors ${mask.toString(2)}`).to.deep.equal(readable(log.slice(0, 1)));
        await append(segments, log.slice(1));
      });
      expect(await recover()).to.deep.equal(readable(log));
    }
  });

  it('is refused when a bit of it was changed, be it in the last write', async () => {
    const frames = [[], [entry(1, 1)], [entryOf(2, 2)], [entry(3, 1), entry(4, 1)]];
    const room = { segmentBytes: 1024 * SECTOR_BYTES };
    await withLog(async (log) => {
      for (const frame of frames.slice(1)) await append(log, frame);
    }, room);
    const whole = await readFile(pathOf(1));
    let at = 0;
    for (const frame of frames) {
      const end = frame.reduce(
        (sum, { payload }) => sum + ENTRY_HEADER_BYTES + payload.byteLength,
        HEADER_BYTES,
      );
      for (let byte = 0; byte < end; byte += byte < HEADER_BYTES ? 1 : 13) {
        for (let bit = 0; bit < 8; bit += 1) {
          const damaged = Buffer.from(whole);
          damaged.writeUInt8(damaged.readUInt8(at + byte) ^ (1 << bit), at + byte);
          await writeFile(pathOf(1), damaged);
          const error = await rejection(withLog(() => {}, room));
          expect(error, `byte ${at + byte}, bit ${bit}`).to.be.an.instanceOf(DamagedLogError);
        }
      }
      at += frameBytes(frame);
    }
  });

  it('is refused when a sector got lost that a later write followed, in its segment or the next', async () => {
    const log = [entryOf(1, 2), entryOf(2, 2), entryOf(3, 2), entryOf(4, 5)];
    await appendAll(...log.map((one) => [one]));
    expect(await recover()).to.deep.equal(readable(log));
    const whole = await readFile(pathOf(1));
    for (let at = 0; at < 7 * SECTOR_BYTES; at += SECTOR_BYTES) {
      await writeFile(pathOf(1), Buffer.from(whole).fill(0, at, at + SECTOR_BYTES));
      expect(await rejection(recover()), `byte ${at}`).to.be.an.instanceOf(DamagedLogError);
    }
  });

  it('is refused without one of its segments, or short of where it reached', async () => {
    const log = Array.from({ length: 12 }, (_, at) => entryOf(at + 1, 3));
    await appendAll(...log.map((one) => [one]));
    expect(written.newest, 'the last one is empty').to.equal(7);
    for (let number = 1; number <= 7; number += 1) {
      const bytes = await readFile(pathOf(number));
      await rm(pathOf(number));
      expect(String(await rejection(recover()))).to.include(`0000000${number}.segment is missing`);
      await writeFile(pathOf(number), bytes);
    }
    expect(String(await rejection(withLog(() => {}, { reaches: 13 })))).to.include('entry 13 is missing');
    expect(await recover()).to.have.length(12);
  });

  it('removes a segment that nothing refers to: a crash came before it was written down', async () => {
    await appendAll([entryOf(1, 2)]);
    await writeFile(pathOf(2), Buffer.alloc(SEGMENT_BYTES));
    await writeFile(`${pathOf(3)}.partial`, '');
    expect(await recover()).to.have.length(1);
    expect(await readdir(directory())).to.deep.equal(['00000001.segment']);
  });

  it('gives an entry that no segment has room for one of its own', async () => {
    const log = [entryOf(1, 3), entryOf(2, 30), entryOf(3, 3), entryOf(4, 6)];
    await appendAll(...log.map((one) => [one]));
    expect(await recover()).to.deep.equal(readable(log));
  });

  it('divides a long write', async () => {
    const log = entries(1, 7, 1).map(({ index, term }) => entry(index, term, 'x'.repeat(1024 * 1024)));
    await appendAll(log);
    expect(await recover()).to.deep.equal(readable(log));
    expect(written.newest).to.be.above(4);
  });

  it('makes the next segment when one is half full', async () => {
    await withLog(async (log) => {
      await append(log, [entryOf(1, 2)]);
      expect(written.newest).to.equal(1);
      await append(log, [entryOf(2, 1)]);
    });
    expect(written.newest).to.equal(2);
    expect(await readdir(directory())).to.deep.equal(['00000001.segment', '00000002.segment']);
  });

  it('tries again to make a segment when it is needed', async () => {
    const obstacle = `${pathOf(2)}.partial`;
    await withLog(async (log) => {
      await mkdir(obstacle);
      await append(log, [entryOf(1, 6)]);
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(written.newest).to.equal(1);
      await rmdir(obstacle);
      const another = `${pathOf(3)}.partial`;
      await mkdir(another);
      await append(log, [entryOf(2, 6)]);
      expect(await rejection(append(log, [entryOf(3, 6)]))).to.have.property('code', 'EISDIR');
      await rmdir(another);
    });
    expect(await recover()).to.deep.equal(readable([entryOf(1, 6), entryOf(2, 6)]));
  });

  it('may begin anew, with nothing of what was there', async () => {
    await withLog(async (log) => {
      await append(log, entries(1, 9, 1));
      written.logStart = { index: 5, term: 2 };
      written.first = await log.begin();
      await log.dropBefore(written.first);
      await append(log, entries(6, 7, 2));
    });
    expect(await recover()).to.deep.equal(readable(entries(6, 7, 2)));
    expect(await readdir(directory())).to.deep.equal([`0000000${written.first}.segment`]);
  });
});
