import { MessageChannel } from 'node:worker_threads';
import { expect } from 'chai';
import { openChannel } from '../../src/channel/port-channel.js';
import { NODE_ENVIRONMENT } from '../../src/environment.js';
import { APPLY_WORK_PER_TURN, TRAFFIC_CAPACITY } from '../../src/limits.js';
import { beginLogTime, LogTime } from '../../src/log-time.js';
import { initialConfiguration } from '../../src/raft/configuration.js';
import { Server } from '../../src/server/server.js';
import { BatchEncoder } from '../../src/state-machine/batch-encoder.js';
import { KeyValueStore } from '../../src/state-machine/key-value-store.js';
import { DiskStorage } from '../../src/storage/disk-storage.js';
import { NODE_FILES } from '../../src/storage/node-files.js';
import { makeServerDirectory } from '../../src/storage/server-manifest.js';
import type { ServerEvent } from '../../src/wire/control.js';
import { HASH_SECRET } from '../support/hash-secret.js';
import { OWNER, persistOf, useDirectory } from '../support/storage.js';

const ENTRIES = 40;
const ENTRY_BYTES = APPLY_WORK_PER_TURN / 4;

describe('a server with much to apply', () => {
  const directory = useDirectory();

  it('applies it bit by bit, and serves clients once it has', async () => {
    await writeLog();
    const storage = await DiskStorage.open({
      directory: directory(),
      owner: OWNER,
      files: NODE_FILES,
      fsync: false,
    });
    const { port1, port2 } = new MessageChannel();
    const events: { readonly event: ServerEvent; readonly lastApplied: number }[] = [];
    const server = new Server({
      environment: NODE_ENVIRONMENT,
      logTime: new LogTime(NODE_ENVIRONMENT, beginLogTime(NODE_ENVIRONMENT)),
      raft: {
        id: 0,
        configuration: initialConfiguration(1),
        electionTimeoutMs: 20,
        heartbeatMs: 5,
        leaseMs: 20,
        maxAppendBytes: 1024,
        maxInflightMessages: 1,
        maxInflightBytes: 1024,
        snapshotChunkBytes: 1024,
        maxInflightChunks: 1,
        maxUncommittedBytes: 100_000_000,
        catchUpTimeoutMs: 60_000,
        maxLogCacheBytes: 100_000_000,
      },
      storage,
      store: new KeyValueStore(HASH_SECRET),
      sessionName: 'test',
      snapshotLogBytes: Number.POSITIVE_INFINITY,
      traffic: openChannel(port1, { capacity: TRAFFIC_CAPACITY }),
      addresses: new Map(),
      onEvent: (event) => events.push({ event, lastApplied: server.view.status.lastApplied }),
      onFailure: (error) => {
        throw error;
      },
    });
    const steps: number[] = [];
    let { lastApplied } = server.view.status;
    while (!events.some(({ event }) => event.type === 'serving')) {
      await new Promise((resolve) => setImmediate(resolve));
      const { lastApplied: now } = server.view.status;
      if (now > lastApplied) steps.push(now - lastApplied);
      lastApplied = now;
    }
    await server.stop(0);
    port2.close();
    // The entry at the end is the leader's own, and two turns may have come between two looks.
    expect(lastApplied).to.equal(ENTRIES + 1);
    expect(Math.max(...steps)).to.be.at.most(10);
    const serving = events.find(({ event }) => event.type === 'serving');
    expect(serving?.lastApplied).to.equal(ENTRIES + 1);
  });

  async function writeLog(): Promise<void> {
    await makeServerDirectory(NODE_FILES, directory(), OWNER);
    const storage = await DiskStorage.open({
      directory: directory(),
      owner: OWNER,
      files: NODE_FILES,
      fsync: false,
    });
    const encoder = new BatchEncoder();
    const value = new Uint8Array(ENTRY_BYTES);
    const entries = Array.from({ length: ENTRIES }, (_, place) => {
      encoder.add({ type: 'set', key: `key ${place}`, value, exptimeS: 0 });
      return { index: place + 1, term: 1, payload: encoder.finish(1) };
    });
    await storage.persist([persistOf(entries, { currentTerm: 1, votedFor: 0 })]);
    await storage.close();
  }
});
