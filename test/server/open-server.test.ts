import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { expect } from 'chai';
import { makeChannel } from '../../src/channel/local-channel.js';
import { openChannel } from '../../src/channel/port-channel.js';
import { NODE_ENVIRONMENT } from '../../src/environment.js';
import { TRAFFIC_CAPACITY } from '../../src/limits.js';
import { beginLogTime, LogTime } from '../../src/log-time.js';
import { openServer, raftOptionsOf } from '../../src/server/open-server.js';
import type { Server } from '../../src/server/server.js';
import { DiskStorage } from '../../src/storage/disk-storage.js';
import { NODE_FILES } from '../../src/storage/node-files.js';
import { makeServerDirectory } from '../../src/storage/server-manifest.js';
import { DEFAULT_HISTORY_CHANGES } from '../../src/watch-limits.js';
import type { PeerNews, ServerEvent } from '../../src/wire/control.js';
import { HASH_SECRET } from '../support/hash-secret.js';
import { OWNER, useDirectory } from '../support/storage.js';

describe('servers opened in one thread', () => {
  const directory = useDirectory();
  const ports: MessagePort[] = [];
  const servers: Server[] = [];

  afterEach(async () => {
    for (const server of servers.splice(0)) await server.stop(0);
    for (const port of ports.splice(0)) port.close();
  });

  /** Opens server `id` of two, and returns what it reports and how it is told of the other one. */
  async function opened(id: number): Promise<{ events: ServerEvent[]; tell: (news: PeerNews) => void }> {
    const serverDirectory = `${directory()}/${id}`;
    const owner = { ...OWNER, serverId: id };
    await makeServerDirectory(NODE_FILES, serverDirectory, owner);
    const storage = await DiskStorage.open({
      directory: serverDirectory,
      owner,
      files: NODE_FILES,
      fsync: false,
    });
    const [near, far] = portPair();
    const peerNews = makeChannel<PeerNews>(2);
    const events: ServerEvent[] = [];
    servers.push(
      await openServer({
        environment: NODE_ENVIRONMENT,
        logTime: new LogTime(NODE_ENVIRONMENT, beginLogTime(NODE_ENVIRONMENT)),
        raft: raftOptionsOf({
          id,
          clusterSize: 2,
          electionTimeoutMs: 50,
          catchUpTimeoutMs: 60_000,
          heartbeatMs: 10,
          leasesAreOver: true,
        }),
        storage,
        hashSecret: HASH_SECRET,
        watchHistory: DEFAULT_HISTORY_CHANGES,
        sessionName: 'test',
        snapshotLogBytes: Number.POSITIVE_INFINITY,
        traffic: openChannel(near, { capacity: TRAFFIC_CAPACITY }),
        addresses: new Map(),
        peerNews: peerNews.receiver,
        onEvent: (event) => events.push(event),
        onFailure: (error) => {
          throw error;
        },
      }),
    );
    openChannel(far, { capacity: TRAFFIC_CAPACITY });
    return { events, tell: (news) => void peerNews.sender.send(news) };
  }

  function portPair(): [MessagePort, MessagePort] {
    const { port1, port2 } = new MessageChannel();
    ports.push(port1, port2);
    return [port1, port2];
  }

  it('report that they are up, and elect a leader once each is told of the other', async () => {
    const zero = await opened(0);
    const one = await opened(1);
    for (const { events } of [zero, one])
      expect(events[0]).to.deep.equal({ type: 'up', lastIndex: 0, term: 0 });
    const [port0, port1] = portPair();
    zero.tell({ type: 'joined', peer: 1, port: port0 });
    one.tell({ type: 'joined', peer: 0, port: port1 });
    const isServing = () => [zero, one].some(({ events }) => events.some(({ type }) => type === 'serving'));
    while (!isServing()) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(servers.map(({ view }) => view.status.role)).to.have.members(['leader', 'follower']);
    const granted = [zero, one].flatMap(({ events }) =>
      events.flatMap((event) =>
        event.type === 'election' && event.trace.type === 'vote asked for' && event.trace.phase === 'vote'
          ? [event.trace]
          : [],
      ),
    );
    const noLog = { index: 0, term: 0 };
    expect(granted[0], 'the vote is told').to.include({ refusal: undefined });
    expect(granted[0]).to.deep.include({ candidateLog: noLog, ownLog: noLog });
  });
});
