/** What every implementation of Storage has to do. */

import { expect } from 'chai';
import fc from 'fast-check';
import type { Entry, HardState, PersistRequest } from '../../src/raft/types.js';
import type { Storage } from '../../src/storage/storage.js';
import { configurationOf } from '../support/raft/members.js';
import { entries, entry, persistOf, readable } from '../support/storage.js';

/** @param open opens the storage under test, that of the test which runs */
export function itIsAStorage(open: () => Promise<Storage>): void {
  async function withStorage<T>(action: (storage: Storage) => Promise<T>): Promise<T> {
    const storage = await open();
    try {
      return await action(storage);
    } finally {
      await storage.close();
    }
  }

  function persistAll(...calls: (readonly PersistRequest[])[]): Promise<void> {
    return withStorage(async (storage) => {
      for (const requests of calls) await storage.persist(requests);
    });
  }

  function recover(): Promise<{ hardState: HardState; entries: readonly unknown[] }> {
    return withStorage(async ({ recovered }) => ({
      hardState: recovered.hardState,
      entries: readable(recovered.entries),
    }));
  }

  it('is empty at first', async () => {
    const recovered = await withStorage(async (storage) => storage.recovered);
    expect(recovered).to.deep.equal({
      hardState: { currentTerm: 0, votedFor: undefined },
      snapshot: undefined,
      entries: [],
      logStart: { index: 0, term: 0 },
    });
  });

  it('gives back hard state and entries after it was opened again', async () => {
    const log = [entry(1, 1), entry(2, 1, ''), entry(3, 4, '\0\xff'.repeat(100_000))];
    await persistAll([persistOf(log, { currentTerm: 5, votedFor: 2 })]);
    expect(await recover()).to.deep.equal({
      hardState: { currentTerm: 5, votedFor: 2 },
      entries: readable(log),
    });
  });

  it('gives back configurations among the entries, and a vote for the highest identity', async () => {
    const configuration = configurationOf('0 4294967294 | 0 1 | 7');
    const log = [entry(1, 1), { ...entry(2, 1, ''), configuration }, entry(3, 1)];
    await persistAll([persistOf(log, { currentTerm: 1, votedFor: 4_294_967_294 })]);
    await withStorage(async ({ recovered }) => {
      expect(recovered.entries.map((one) => one.configuration)).to.deep.equal([
        undefined,
        configuration,
        undefined,
      ]);
      expect(recovered.hardState.votedFor).to.equal(4_294_967_294);
      expect(readable(recovered.entries)).to.deep.equal(readable(log));
    });
  });

  it('tells a vote for server 0 from no vote', async () => {
    await persistAll([persistOf([], { currentTerm: 1, votedFor: 0 })]);
    expect((await recover()).hardState).to.deep.equal({ currentTerm: 1, votedFor: 0 });
    await persistAll([persistOf([], { currentTerm: 2, votedFor: undefined })]);
    expect((await recover()).hardState).to.deep.equal({ currentTerm: 2, votedFor: undefined });
  });

  it('keeps the hard state when a request has entries alone, and the entries when it has the other', async () => {
    await persistAll(
      [persistOf([], { currentTerm: 3, votedFor: 1 })],
      [persistOf(entries(1, 2, 3))],
      [persistOf([], { currentTerm: 4, votedFor: undefined })],
    );
    expect(await recover()).to.deep.equal({
      hardState: { currentTerm: 4, votedFor: undefined },
      entries: readable(entries(1, 2, 3)),
    });
  });

  it('keeps the entries in order across a change in the length of their indices', async () => {
    const log = entries(1, 1100, 1);
    await persistAll([persistOf(log.slice(0, 300))], [persistOf(log.slice(300))]);
    expect((await recover()).entries).to.deep.equal(readable(log));
  });

  it('replaces what conflicts by a later call', async () => {
    await persistAll([persistOf(entries(1, 5, 1))], [persistOf([entry(3, 2)])]);
    expect((await recover()).entries).to.deep.equal(readable([...entries(1, 2, 1), entry(3, 2)]));
  });

  it('replaces what conflicts within one call', async () => {
    const requests = [persistOf(entries(1, 5, 1)), persistOf(entries(2, 3, 2)), persistOf([entry(4, 3)])];
    await persistAll(requests);
    expect((await recover()).entries).to.deep.equal(
      readable([entry(1, 1), ...entries(2, 3, 2), entry(4, 3)]),
    );
  });

  it('replaces what conflicts with entries that were there before it was opened', async () => {
    await persistAll([persistOf(entries(1, 5, 1))]);
    await persistAll([persistOf([entry(1, 2)])]);
    expect((await recover()).entries).to.deep.equal(readable([entry(1, 2)]));
  });

  it('takes the last of several hard states in one call', async () => {
    await persistAll([
      persistOf([], { currentTerm: 1, votedFor: 0 }),
      persistOf([], { currentTerm: 2, votedFor: 1 }),
    ]);
    expect((await recover()).hardState).to.deep.equal({ currentTerm: 2, votedFor: 1 });
  });

  it('holds what an array would hold, however requests are spread over calls and openings', async () => {
    const step = fc.record({
      back: fc.nat({ max: 4 }),
      count: fc.nat({ max: 6 }),
      next: fc.constantFrom('same call', 'next call', 'reopen'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 15 }), async (steps) => {
        let log: Entry[] = (await withStorage(async ({ recovered }) => recovered.entries)).slice(0, 1);
        let term = log[0]?.term ?? 0;
        let calls: PersistRequest[][] = [[persistOf(log)]];
        for (const { back, count, next } of steps) {
          term += 1;
          const from = Math.max(1, log.length + 1 - back);
          const appended = entries(from, from + count - 1, term);
          if (count > 0) log = [...log.slice(0, from - 1), ...appended];
          calls.at(-1)?.push(persistOf(appended));
          if (next === 'next call') calls.push([]);
          if (next !== 'reopen') continue;
          await persistAll(...calls);
          calls = [[]];
        }
        await persistAll(...calls);
        expect((await recover()).entries).to.deep.equal(readable(log));
      }),
      { seed: 1, numRuns: 25 },
    );
  });

  it('does not begin a write while another one is under way', async () => {
    await withStorage(async (storage) => {
      const first = storage.persist([persistOf(entries(1, 1, 1))]);
      expect(() => storage.persist([persistOf(entries(2, 2, 1))])).to.throw(TypeError);
      await first;
      await storage.persist([persistOf(entries(2, 2, 1))]);
    });
    expect((await recover()).entries).to.have.length(2);
  });

  it('completes the write under way before it closes', async () => {
    const storage = await open();
    const writing = storage.persist([persistOf(entries(1, 100, 1))]);
    await storage.close();
    await writing;
    expect((await recover()).entries).to.have.length(100);
  });

  it('writes nothing once it is closed', async () => {
    const storage = await open();
    await storage.close();
    expect(() => storage.persist([persistOf(entries(1, 1, 1))])).to.throw(TypeError);
    expect((await recover()).entries).to.deep.equal([]);
  });
}
