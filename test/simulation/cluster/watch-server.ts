/**
 * Tells what a server does that nobody outside of it sees: what it asks its disk for, which reads it has confirmed, which it
 * answers by itself, and what it applies.
 */

import type { Entry, LogIndex, PersistRequest, ServerId } from '../../../src/raft/types.js';
import type { Server } from '../../../src/server/server.js';
import type { KeyValueStore } from '../../../src/state-machine/key-value-store.js';

export interface ServerListener {
  /** Whether the server has time left in its turn for an entry: an entry may be more work than a turn has time for. */
  hasTimeToApply(id: ServerId): boolean;
  persisting(id: ServerId, requests: readonly PersistRequest[]): void;
  /** It leads, and a group of reads came in that is to be confirmed. */
  asked(server: Server, readId: number): void;
  confirmed(server: Server, readId: number, index: LogIndex): void;
  /** Plain GETs are answered from the state as it is, without having been confirmed. */
  answered(server: Server): void;
  restored(id: ServerId, index: LogIndex): void;
  applied(id: ServerId, entry: Entry, store: KeyValueStore): void;
}

/** Tells the listener from now on. The server has begun, and has done nothing yet. */
export function watchServer(server: Server, listener: ServerListener): void {
  const { applied } = server;
  const turn = watchRaft(server, listener);
  const onRead = () => {
    // Later in the turn it answers what was confirmed, or waited for an entry that is applied.
    if (!turn.hasTakenOutput) listener.answered(server);
  };
  watchReads(applied.store, onRead);
  const { id } = server.raft;
  listener.restored(id, applied.position.index);
  const goOn = applied.goOn.bind(applied);
  applied.goOn = (entry, work) => {
    if (!listener.hasTimeToApply(id)) {
      work.allow(0);
      return false;
    }
    const isApplied = goOn(entry, work);
    if (isApplied) listener.applied(id, entry, applied.store);
    return isApplied;
  };
  const replace = applied.replace.bind(applied);
  applied.replace = (store, position) => {
    replace(store, position);
    watchReads(store, onRead);
    listener.restored(id, position.index);
  };
}

function watchRaft(server: Server, listener: ServerListener): { readonly hasTakenOutput: boolean } {
  const { raft } = server;
  const turn = { hasTakenOutput: true };
  const tick = raft.tick.bind(raft);
  raft.tick = (nowMs) => {
    turn.hasTakenOutput = false;
    tick(nowMs);
  };
  const read = raft.read.bind(raft);
  raft.read = (readId, nowMs) => {
    if (raft.role === 'leader') listener.asked(server, readId);
    read(readId, nowMs);
  };
  const takeOutput = raft.takeOutput.bind(raft);
  raft.takeOutput = () => {
    turn.hasTakenOutput = true;
    const output = takeOutput();
    listener.persisting(raft.id, output.persist);
    for (const { readId, index } of output.confirmedReads) listener.confirmed(server, readId, index);
    return output;
  };
  return turn;
}

function watchReads(store: KeyValueStore, onRead: () => void): void {
  const values = store.values.bind(store);
  store.values = (keys) => {
    onRead();
    return values(keys);
  };
}
