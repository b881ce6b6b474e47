import { mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Entry, HardState, LogIndex, PersistRequest, Term } from '../../src/raft/types.js';

/** The server that the tests' directories belong to. */
export const OWNER = { clusterId: 'a cluster', serverId: 1 };

/** A directory of its own for each test of the block; returns what tells its path. */
export function useDirectory(): () => string {
  let path = '';
  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'threadraft-test-'));
  });
  afterEach(() => rm(path, { recursive: true, force: true }));
  return () => path;
}

export function entry(index: LogIndex, term: Term, payload = `${index} of ${term}`): Entry {
  return { index, term, payload: Uint8Array.from(Buffer.from(payload)) };
}

/** Entries of one term with these indices. */
export function entries(from: LogIndex, to: LogIndex, term: Term): Entry[] {
  return Array.from({ length: to - from + 1 }, (_, offset) => entry(from + offset, term));
}

export function persistOf(appended: readonly Entry[], hardState?: HardState): PersistRequest {
  return { sequence: 1, hardState, entries: appended, snapshotChunk: undefined };
}

/** Entries in a form that can be compared and read, whatever kind of array their payloads are. */
export function readable(log: readonly Entry[]): readonly unknown[] {
  return log.map(({ index, term, payload }) => ({ index, term, payload: Buffer.from(payload).toString() }));
}

/** The error that the promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  return expect.fail(`it should have been rejected, and resolved to ${String(value)}`);
}

/** The flags of each descriptor by which this process has the file open, on Linux. */
export async function openFlags(path: string): Promise<readonly number[]> {
  const found: number[] = [];
  for (const fd of await readdir('/proc/self/fd')) {
    if ((await readlink(`/proc/self/fd/${fd}`).catch(() => '')) !== path) continue;
    const [, flags = ''] = /flags:\s+(\d+)/.exec(await readFile(`/proc/self/fdinfo/${fd}`, 'latin1')) ?? [];
    found.push(Number.parseInt(flags, 8));
  }
  return found;
}

/** An error with this code whose message is one line that the pattern matches. */
export function expectOneLine(error: unknown, code: string, pattern: RegExp): void {
  expect(error).to.be.an('error').with.property('code', code);
  expect(error)
    .to.have.property('message')
    .that.matches(pattern)
    .and.not.matches(/[\r\n]/);
}
