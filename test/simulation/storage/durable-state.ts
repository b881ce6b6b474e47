/** What a server's disk may hold after a crash: a model of DiskStorage without a disk. */

import { crc32 } from 'node:zlib';
import { LOG_ORIGIN } from '../../../src/raft/log.js';
import type {
  Entry,
  HardState,
  LogPosition,
  PersistRequest,
  RecoveredState,
  SnapshotChunk,
  SnapshotMeta,
} from '../../../src/raft/types.js';

export type DurableState = RecoveredState;

export const EMPTY: DurableState = {
  hardState: { currentTerm: 0, votedFor: undefined },
  logStart: LOG_ORIGIN,
  snapshot: undefined,
  entries: [],
};

/** Changes the state in one step, which a crash does not cut. */
export type Change = (state: DurableState) => DurableState;

export function lastOf({ entries, logStart }: DurableState): LogPosition {
  return entries.at(-1) ?? logStart;
}

/** The term of the entry at an index at or after the log's start; undefined where there is none. */
export function termAt({ entries, logStart }: DurableState, index: number): number | undefined {
  return index === logStart.index ? logStart.term : entries[index - logStart.index - 1]?.term;
}

/** What persisting the requests comes to, step by step: the hard state comes no later than the first entry. */
export function changesOf(requests: readonly PersistRequest[]): readonly Change[] {
  const changes: Change[] = [];
  let before: PersistRequest[] = [];
  const writeBefore = () => {
    const hardState = before.findLast((one) => one.hardState !== undefined)?.hardState;
    if (hardState !== undefined) changes.push(withHardState(hardState));
    for (const { entries } of before) for (const entry of entries) changes.push(withEntry(entry));
    before = [];
  };
  for (const request of requests) {
    before.push(request);
    if (request.snapshotChunk?.last !== true) continue;
    writeBefore();
    changes.push(withInstalled(request.snapshotChunk));
  }
  writeBefore();
  return changes;
}

/** A snapshot of the server's own counts. */
export function withCommitted(snapshot: SnapshotMeta, logStart: LogPosition): Change {
  return (state) => {
    if (snapshot.index <= (state.snapshot?.index ?? 0)) return state;
    const start = logStart.index > state.logStart.index ? logStart : state.logStart;
    return startingAt({ ...state, snapshot }, start);
  };
}

/**
 * Every state that a crash may leave: the first of the changes are done. The snapshot of the server's own that is being
 * committed counts, or not, whatever else is done.
 */
export function reachable(
  state: DurableState,
  changes: readonly Change[],
  commit: Change | undefined,
): readonly DurableState[] {
  const found = [state];
  for (const change of changes) found.push(change(found.at(-1) ?? state));
  return commit === undefined ? found : [...found, ...found.map(commit)];
}

export function afterAll(state: DurableState, changes: readonly Change[]): DurableState {
  return changes.reduce((done, change) => change(done), state);
}

/** A line, the same for equal states. */
export function describeState({ hardState, logStart, snapshot, entries }: DurableState): string {
  const { currentTerm, votedFor = 'nobody' } = hardState;
  const log = entries.map(({ index, term, payload }) => `${index}/${term}/${crc32(payload).toString(16)}`);
  return `term ${currentTerm}, vote for ${votedFor}, snapshot ${of(snapshot)} of ${snapshot?.byteLength ?? 0} bytes, log after ${of(logStart)}: ${log.join(' ')}`;
}

function of(position: LogPosition | undefined): string {
  return position === undefined ? 'none' : `${position.index}/${position.term}`;
}

function withHardState(hardState: HardState): Change {
  return (state) => ({ ...state, hardState });
}

/** It goes in place of those from the same index on. */
function withEntry(entry: Entry): Change {
  return (state) => ({
    ...state,
    entries: [...state.entries.filter(({ index }) => index < entry.index), entry],
  });
}

function withInstalled({ snapshot, keepsLog }: SnapshotChunk): Change {
  return (state) => startingAt({ ...state, snapshot, entries: keepsLog ? state.entries : [] }, snapshot);
}

function startingAt(state: DurableState, { index, term }: LogPosition): DurableState {
  const entries = state.entries.filter((entry) => entry.index > index);
  return { ...state, logStart: { index, term }, entries };
}
