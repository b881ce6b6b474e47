import fs from 'node:fs';
import { mkdir, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { LOG_ORIGIN } from '../../src/raft/log.js';
import type { Entry, HardState, LogIndex, LogPosition } from '../../src/raft/types.js';
import type { Files } from '../../src/storage/files.js';
import { frameBytes, SECTOR_BYTES, writeFrame } from '../../src/storage/log-frame.js';
import { DamagedLogError } from '../../src/storage/log-recovery.js';
import { NODE_FILES } from '../../src/storage/node-files.js';
import type { FirstSegment, NewestSegment } from '../../src/storage/segment-files.js';
import { SegmentLog, type SegmentLogOptions } from '../../src/storage/segment-log.js';
import { ShortageRetries } from '../../src/storage/shortage-retries.js';
import { entries, entry, openFlags, readable, rejection, useDirectory } from '../support/storage.js';

const SEGMENT_BYTES = 8 * SECTOR_BYTES;
const HEADER_BYTES = 40;
const LOG_NUMBER = 12345;
const ENTRY_HEADER_BYTES = 20;

type Options = Partial<
  Pick<SegmentLogOptions, 'files' | 'retries' | 'reaches' | 'segmentBytes' | 'fsync' | 'onNewest'>
>;

function append(log: SegmentLog, appended: readonly Entry[], hardState?: HardState): Promise<void> {
  return log.append({ hardState, entries: appended });
}

/** What tells the log which segments count. */
interface Written {
  first: FirstSegment;
  newest: NewestSegment | undefined;
  logStart: LogPosition;
  isBegun: boolean;
}

const NEW: Written = {
  first: { number: 1, sequence: 1 },
  newest: undefined,
  logStart: LOG_ORIGIN,
  isBegun: false,
};

describe('the log in segments', () => {
  const directory = useDirectory();
  let written: Written;

  beforeEach(() => {
    written = { ...NEW };
  });

  async function noteNewest(newest: NewestSegment): Promise<void> {
    written.newest = newest;
  }

  async function withLog<T>(
    action: (log: SegmentLog, entries: readonly Entry[], hardState: HardState) => T | Promise<T>,
    {
      reaches = 0,
      segmentBytes = SEGMENT_BYTES,
      files = NODE_FILES,
      retries = new ShortageRetries(),
      fsync = false,
      onNewest = noteNewest,
    }: Options = {},
  ): Promise<T> {
    const { log, recovered } = await SegmentLog.open({
      files,
      retries,
      directory: directory(),
      fsync,
      logNumber: LOG_NUMBER,
      range: written,
      isBegun: written.isBegun,
      logStart: written.logStart,
      reaches,
      tail: 'zeros',
      onTail: async () => {},
      onNewest,
      segmentBytes,
    });
    written.isBegun = true;
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
    written.first = log.firstAfter(logStart.index);
    await log.dropBefore(written.first);
  }

  function pathOf(number: number): string {
    return join(directory(), `0000000${number}.segment`);
  }

  /** An entry that takes `sectors` sectors by itself. */
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
        await mkdir(directory());
        written = { ...NEW };
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
      { seed: 2, numRuns: 150 },
    );
  });

  for (const scale of [1, 30])
    it(`reads what an array would hold, with ${scale === 1 ? 'short' : 'long'} segments`, async () => {
      const step = fc.record({
        back: fc.nat({ max: 6 }),
        lengths: fc.array(fc.nat({ max: 2000 * scale }), { maxLength: 4 }),
        next: fc.constantFrom('go on', 'go on', 'reopen', 'drop'),
        drop: fc.nat({ max: 5 }),
        from: fc.nat({ max: 40 }),
        count: fc.integer({ min: 1, max: 20 }),
        maxBytes: fc.nat({ max: 5000 * scale }),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
          await rm(directory(), { recursive: true });
          await mkdir(directory());
          written = { ...NEW };
          let log: Entry[] = [];
          const remaining = [...steps];
          let term = 0;
          while (remaining.length > 0)
            await withLog(
              async (segments) => {
                for (let now = remaining.shift(); now !== undefined; now = remaining.shift()) {
                  const { index: start } = written.logStart;
                  const first = Math.max(start + 1, start + log.length + 1 - now.back);
                  term += 1;
                  const added = now.lengths.map((length, i) => entry(first + i, term, 'x'.repeat(length)));
                  if (added.length > 0) log = [...log.slice(0, first - start - 1), ...added];
                  await append(segments, added);
                  const from = start + 1 + now.from;
                  const to = Math.min(start + log.length, from + now.count);
                  const got = await segments.read({ from, to, maxBytes: now.maxBytes });
                  const wanted = log.slice(from - start - 1, to - start);
                  let room = now.maxBytes;
                  const fitting = wanted.filter(({ payload }, i) => {
                    room -= payload.byteLength;
                    return i === 0 || room >= 0;
                  });
                  expect(readable(got)).to.deep.equal(readable(fitting));
                  const dropped = log[now.drop];
                  if (now.next === 'drop' && dropped !== undefined) {
                    log = log.slice(now.drop + 1);
                    await moveStart(segments, { index: dropped.index, term: dropped.term });
                  }
                  if (now.next === 'reopen') return;
                }
              },
              { segmentBytes: SEGMENT_BYTES * scale * 4 },
            );
        }),
        { seed: 3, numRuns: 60 },
      );
    });

  it('reads none where the segment is gone, and tells of damage', async () => {
    await withLog(async (log) => {
      for (let index = 1; index <= 6; index += 1) await append(log, [entryOf(index, 6)]);
      await moveStart(log, { index: 3, term: 1 });
      expect(await log.read({ from: 2, to: 6, maxBytes: 1 })).to.deep.equal([]);
      expect(readable(await log.read({ from: 4, to: 6, maxBytes: 1 }))).to.deep.equal(
        readable([entryOf(4, 6)]),
      );
      const bytes = await readFile(pathOf(written.first.number));
      bytes[100] = 0xff;
      await writeFile(pathOf(written.first.number), bytes);
      expect(await rejection(log.read({ from: 4, to: 6, maxBytes: 1 }))).to.be.instanceOf(DamagedLogError);
      await rm(pathOf(written.first.number));
      expect(await log.read({ from: 4, to: 6, maxBytes: 1 })).to.deep.equal([]);
    });
  });

  it('knows the hard state when all segments but an empty one were dropped, or it begins anew', async () => {
    const hardState = { currentTerm: 7, votedFor: 0 };
    await withLog((log) => append(log, [entryOf(1, 6)], hardState));
    expect(written.newest?.number, 'empty so far').to.equal(2);
    await withLog((log, _, found) => {
      expect(found).to.deep.equal(hardState);
      return moveStart(log, { index: 1, term: 1 });
    });
    expect(written.first.number).to.equal(2);
    await withLog(async (log, _, found) => {
      expect(found).to.deep.equal(hardState);
      written.first = await log.begin();
      await log.dropBefore(written.first);
    });
    expect(await withLog((_log, _entries, found) => found)).to.deep.equal(hardState);
  });

  for (const filling of ['text', 'zeros'] as const)
    it(`does without a write of ${filling} of which a crash kept any sectors from the disk, and goes on`, async () => {
      const sectors = 5;
      const last = entryOf(2, sectors);
      if (filling === 'zeros') last.payload.fill(0, 0, 2_000);
      await appendAll([entryOf(1, 2)], [last]);
      const whole = await readFile(pathOf(1));
      for (let mask = 0; mask < 2 ** sectors - 1; mask += 1) {
        const torn = Buffer.from(whole);
        for (let sector = 0; sector < sectors; sector += 1) {
          const at = (1 + 2 + sector) * SECTOR_BYTES;
          if ((mask & (1 << sector)) === 0) torn.fill(0, at, at + SECTOR_BYTES);
        }
        await writeFile(pathOf(1), torn);
        await writeFile(pathOf(2), Buffer.alloc(SEGMENT_BYTES));
        written.newest = { number: 2, byteLength: SEGMENT_BYTES };
        const log = [entryOf(1, 2), entry(2, 7)];
        if (torn.equals(whole)) continue;
        await withLog(async (segments, recovered) => {
          expect(readable(recovered), `sectors ${mask.toString(2)}`).to.deep.equal(readable(log.slice(0, 1)));
          await append(segments, log.slice(1));
        });
        expect(await recover()).to.deep.equal(readable(log));
      }
    });

  it('is refused when a bit of it was changed, be it in the last write', async () => {
    const zeros = entryOf(5, 4);
    zeros.payload.fill(0);
    const frames = [[], [entry(1, 1)], [entryOf(2, 2)], [entry(3, 1), entry(4, 1)], [zeros]];
    const room = { segmentBytes: 64 * SECTOR_BYTES };
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
      for (let byte = 0; byte < end; byte += byte < HEADER_BYTES ? 1 : 37) {
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
    expect(written.newest?.number, 'the last one is empty').to.equal(7);
    for (let number = 1; number <= 7; number += 1) {
      const bytes = await readFile(pathOf(number));
      await rm(pathOf(number));
      expect(String(await rejection(recover()))).to.include(`0000000${number}.segment is missing`);
      await writeFile(pathOf(number), bytes);
    }
    expect(String(await rejection(withLog(() => {}, { reaches: 13 })))).to.include('entry 13 is missing');
    expect(await recover()).to.have.length(12);
  });

  it('is refused when a segment was cut, be it where a write begins, or emptied', async () => {
    await appendAll([entryOf(1, 2)], [entryOf(2, 2)], [entryOf(3, 5)], [entryOf(4, 6)]);
    expect(written.newest?.number).to.equal(4);
    for (let number = 1; number <= 4; number += 1) {
      const bytes = await readFile(pathOf(number));
      for (const sectors of [0, 1, 3, 7]) {
        await writeFile(pathOf(number), bytes.subarray(0, sectors * SECTOR_BYTES));
        const error = await rejection(recover());
        expect(error, `segment ${number} of ${sectors} sectors`).to.be.an.instanceOf(DamagedLogError);
      }
      await writeFile(pathOf(number), Buffer.alloc(bytes.byteLength));
      if (number < 4) expect(await rejection(recover())).to.be.an.instanceOf(DamagedLogError);
      await writeFile(pathOf(number), bytes);
    }
    expect(await recover()).to.have.length(4);
  });

  it('is refused when its first segment was emptied, be it the only one', async () => {
    await appendAll([entryOf(1, 2)]);
    await writeFile(pathOf(1), Buffer.alloc(SEGMENT_BYTES));
    expect(String(await rejection(recover()))).to.include('00000001.segment is empty');
    written.isBegun = false;
    expect(await recover(), 'a crash came before it was begun').to.deep.equal([]);
  });

  it('is refused when a whole write lost a sector and the one after it was cut off, here or in the next segment', async () => {
    await appendAll([entryOf(1, 2)], [entryOf(2, 3)], [entryOf(3, 2)]);
    const whole = await readFile(pathOf(1));
    const torn = Buffer.from(whole);
    for (const sector of [4, 7]) torn.fill(0, sector * SECTOR_BYTES, (sector + 1) * SECTOR_BYTES);
    await writeFile(pathOf(1), torn);
    expect(String(await rejection(recover())), 'here').to.match(/is damaged at byte 1536/);
    await writeFile(pathOf(1), whole);
    await appendAll([entryOf(4, 3)]);
    const first = Buffer.from(whole).fill(0, 7 * SECTOR_BYTES);
    const second = (await readFile(pathOf(2))).fill(0, SECTOR_BYTES, 2 * SECTOR_BYTES);
    await writeFile(pathOf(1), first);
    await writeFile(pathOf(2), second);
    expect(String(await rejection(recover())), 'in the next').to.match(/and the log goes on after it/);
  });

  it('is refused when there is more of it than is known of, and keeps that', async () => {
    await appendAll([entryOf(1, 6)], [entryOf(2, 6)]);
    written.newest = { number: 1, byteLength: SEGMENT_BYTES };
    expect(String(await rejection(recover()))).to.match(/00000002\.segment holds what is not known of/);
    expect(await readdir(directory())).to.include('00000002.segment');
  });

  it('is refused when it is another’s', async () => {
    await appendAll([entryOf(1, 2)]);
    const file = await readFile(pathOf(1));
    const place = { logNumber: LOG_NUMBER + 1, segmentBytes: SEGMENT_BYTES };
    const content = { sequence: 1, hardState: { currentTerm: 1, votedFor: undefined }, entries: [] };
    writeFrame(file, content, place);
    await writeFile(pathOf(1), file);
    expect(await rejection(recover())).to.be.an.instanceOf(DamagedLogError);
  });

  it('writes nothing to a segment before it is written down that there is one', async () => {
    const isEmpty = async ({ number }: NewestSegment) =>
      (await readFile(pathOf(number))).every((byte) => byte === 0);
    const found: boolean[] = [];
    const onNewest = async (newest: NewestSegment) => {
      await new Promise((resolve) => setTimeout(resolve, 10));
      found.push(await isEmpty(newest));
      await noteNewest(newest);
    };
    await withLog(
      async (log) => {
        for (let index = 1; index <= 4; index += 1) await append(log, [entryOf(index, 5)]);
      },
      { onNewest },
    );
    expect(found).to.deep.equal([true, true, true, true, true]);
    const refusing = () => Promise.reject(new Error('not now'));
    await withLog(
      async (log) => {
        await append(log, [entryOf(5, 5)]);
        expect(String(await rejection(append(log, [entryOf(6, 5)])))).to.include('not now');
      },
      { onNewest: refusing },
    );
    expect(await recover()).to.have.length(5);
  });

  it('removes the segments that do not count any more', async () => {
    await withLog(async (log) => {
      for (let index = 1; index <= 4; index += 1) await append(log, [entryOf(index, 6)]);
      await moveStart(log, { index: 3, term: 1 });
      const names = await readdir(directory());
      expect(names.filter((name) => name < '00000004')).to.deep.equal([]);
    });
  });

  it('syncs with each write', async function () {
    if (process.platform !== 'linux') this.skip();
    for (const fsync of [true, false]) {
      written = { ...NEW };
      await rm(directory(), { recursive: true });
      await mkdir(directory());
      await withLog(
        async (log) => {
          await append(log, [entryOf(1, 2)]);
          const isSynced = (flags: number) => (flags & fs.constants.O_DSYNC) !== 0;
          expect((await openFlags(pathOf(1))).map(isSynced)).to.deep.equal([fsync]);
        },
        { fsync },
      );
    }
  });

  it('does the last write once more when it is opened: it may have failed and be there all the same', async () => {
    await withLog((log) => append(log, [entryOf(1, 2)]));
    const places: number[] = [];
    const files: Files = {
      ...NODE_FILES,
      open: async (path, access) => {
        const file = await NODE_FILES.open(path, access);
        const write = (bytes: Uint8Array, position: number) => {
          places.push(position, bytes.byteLength);
          return file.write(bytes, position);
        };
        return { ...file, write };
      },
    };
    await withLog(() => {}, { files, fsync: true });
    expect(places).to.deep.equal([SECTOR_BYTES, 2 * SECTOR_BYTES]);
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
    expect(written.newest?.number).to.be.above(4);
  });

  it('makes the next segment when one is half full', async () => {
    await withLog(async (log) => {
      await append(log, [entryOf(1, 2)]);
      expect(written.newest?.number).to.equal(1);
      await append(log, [entryOf(2, 1)]);
    });
    expect(written.newest?.number).to.equal(2);
    expect(await readdir(directory())).to.deep.equal(['00000001.segment', '00000002.segment']);
  });

  it('tells of each MiB of a segment that a write waits for', async () => {
    const parts: number[] = [];
    await withLog(async (log) => {
      await append(log, [entryOf(1, 1)]);
      log.onProgress = () => parts.push(parts.length);
      await append(log, [entry(2, 1, 'x'.repeat(4 * 1024 * 1024))]);
    });
    expect(parts).to.have.length.above(4);
  });

  it('tries again to make a segment when it is needed', async () => {
    const obstacle = `${pathOf(2)}.partial`;
    let onRefused = () => {};
    const refused = new Promise<void>((resolve) => {
      onRefused = resolve;
    });
    const files: Files = {
      ...NODE_FILES,
      // Whoever waits for the file hears of it before we do.
      create: (path) =>
        NODE_FILES.create(path).finally(() => {
          if (path === obstacle) setImmediate(onRefused);
        }),
    };
    await withLog(
      async (log) => {
        await mkdir(obstacle);
        await append(log, [entryOf(1, 6)]);
        await refused;
        expect(written.newest?.number).to.equal(1);
        await rmdir(obstacle);
        const another = `${pathOf(3)}.partial`;
        await mkdir(another);
        await append(log, [entryOf(2, 6)]);
        expect(await rejection(append(log, [entryOf(3, 6)]))).to.have.property('code', 'EISDIR');
        await rmdir(another);
      },
      { files },
    );
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
    expect(await readdir(directory())).to.deep.equal([`0000000${written.first.number}.segment`]);
  });

  it('takes a shorter segment while there is no room for one of the usual length', async () => {
    const usual = 4 * 1024 * 1024;
    const room = 1024 * 1024;
    const files: Files = {
      ...NODE_FILES,
      create: async (path) => {
        const file = await NODE_FILES.create(path);
        return {
          ...file,
          write: async (bytes, position) => {
            if (position + bytes.byteLength > room) throw diskFull();
            return file.write(bytes, position);
          },
        };
      },
    };
    const retries = new ShortageRetries();
    retries.retryWith({ wait: async () => {}, over: () => {} });
    const long = [entryOf(1, 1500), entryOf(2, 1500), entryOf(3, 1500)];
    await withLog(
      async (log) => {
        for (const one of long) await append(log, [one]);
      },
      { files, retries, segmentBytes: usual },
    );
    expect(written.newest?.byteLength).to.equal(room);
    expect(await withLog((_, recovered) => readable(recovered), { segmentBytes: usual })).to.deep.equal(
      readable(long),
    );
  });
});

function diskFull(): Error {
  return Object.assign(new Error('no space left on device'), { code: 'ENOSPC', syscall: 'write' });
}
