/**
 * One server from its disk on: restores the state machine, begins to serve, and follows what becomes of the others. It
 * needs no thread of its own, so the simulator opens its servers in the same way as run-server.ts does.
 */

import type { HashSecret } from '../bytes/byte-string.js';
import type { Receiver } from '../channel/channel.js';
import type { Port } from '../channel/port.js';
import {
  MAX_APPEND_BYTES,
  MAX_INFLIGHT_APPEND_BYTES,
  MAX_INFLIGHT_APPENDS,
  MAX_INFLIGHT_SNAPSHOT_CHUNKS,
  MAX_LOG_CACHE_BYTES,
  MAX_UNCOMMITTED_BYTES,
  SNAPSHOT_CHUNK_BYTES,
} from '../limits.js';
import { initialConfiguration } from '../raft/configuration.js';
import type { RaftOptions } from '../raft/raft-options.js';
import type { SlotId } from '../raft/types.js';
import { KeyValueStore } from '../state-machine/key-value-store.js';
import type { ClientAddress, PeerNews, ServerStart } from '../wire/control.js';
import { restoreStore } from './restore-store.js';
import { Server } from './server.js';
import type { ServerOptions } from './server-options.js';

export interface OpenServerOptions extends Omit<ServerOptions, 'store'> {
  /** What becomes of the other servers. Ends with the server's thread. */
  readonly peerNews: Receiver<PeerNews<Port>>;
  /** What the places of keys in memory depend on. */
  readonly hashSecret: HashSecret;
  /** Changes that are kept for those who watch. */
  readonly watchHistory: number;
}

/**
 * Resolves to the server once it serves and has reported `up`. The storage, which has just been opened, is the server's
 * from now on: it is closed by {@link Server.stop}, when the server fails, and when this rejects, with StorageError.
 */
export async function openServer({
  peerNews,
  hashSecret,
  watchHistory,
  ...options
}: OpenServerOptions): Promise<Server> {
  const { storage, onEvent } = options;
  const addresses = new Map(options.addresses);
  const server = new Server({
    ...options,
    addresses,
    store: await storeOf(storage, new KeyValueStore(hashSecret, watchHistory)),
  });
  void followPeers(server, peerNews, addresses);
  const { entries, logStart, hardState } = storage.recovered;
  onEvent({ type: 'up', lastIndex: logStart.index + entries.length, term: hardState.currentTerm });
  storage.forgetRecovered();
  return server;
}

/** How the consensus core of a server runs outside of tests. */
export function raftOptionsOf({
  id,
  clusterSize,
  electionTimeoutMs,
  heartbeatMs,
  catchUpTimeoutMs,
  leasesAreOver,
}: Pick<
  ServerStart,
  'id' | 'clusterSize' | 'electionTimeoutMs' | 'heartbeatMs' | 'catchUpTimeoutMs' | 'leasesAreOver'
>): RaftOptions {
  return {
    id,
    configuration: initialConfiguration(clusterSize),
    electionTimeoutMs,
    heartbeatMs,
    leaseMs: electionTimeoutMs,
    leasesAreOver,
    maxAppendBytes: MAX_APPEND_BYTES,
    maxInflightMessages: MAX_INFLIGHT_APPENDS,
    maxInflightBytes: MAX_INFLIGHT_APPEND_BYTES,
    snapshotChunkBytes: SNAPSHOT_CHUNK_BYTES,
    maxInflightChunks: MAX_INFLIGHT_SNAPSHOT_CHUNKS,
    maxUncommittedBytes: MAX_UNCOMMITTED_BYTES,
    catchUpTimeoutMs,
    maxLogCacheBytes: MAX_LOG_CACHE_BYTES,
  };
}

async function storeOf(storage: ServerOptions['storage'], empty: KeyValueStore): Promise<KeyValueStore> {
  if (storage.recovered.snapshot === undefined) return empty;
  try {
    return await restoreStore(storage, empty);
  } catch (error) {
    await storage.close();
    throw error;
  }
}

async function followPeers(
  server: Server,
  peerNews: OpenServerOptions['peerNews'],
  addresses: Map<SlotId, ClientAddress>,
): Promise<void> {
  for await (const news of peerNews) {
    switch (news.type) {
      case 'joined':
        server.connect(news.peer, news.port);
        break;
      case 'ended':
        server.disconnect(news.peer);
        break;
      case 'address':
        addresses.set(news.slot, news.address);
        break;
    }
  }
}
