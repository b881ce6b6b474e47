import { once } from 'node:events';
import { Writable } from 'node:stream';
import { expect } from 'chai';
import { MAX_LIVE_EVENTS, MAX_LIVE_READERS } from '../../src/admin/admin-limits.js';
import { AdminServer } from '../../src/admin/admin-server.js';
import { LiveFeed } from '../../src/admin/live/feed.js';
import type { Frame, Hello, Sample, ServerView, Timeline } from '../../src/admin/live/view.js';
import type { Cluster } from '../../src/cluster/cluster.js';
import { http } from '../../tools/support/http.js';
import { eventually, everyServerUp, TEST_ELECTION_TIMEOUT_MS, WAIT_TIMEOUT_MS } from '../support/cluster.js';
import { EventStream } from '../support/event-stream.js';
import { newCluster } from '../support/new-cluster.js';

const NO_LOAD = () => ({ requestsPerS: 0, answeredPerS: 0 });

type LiveData = Partial<Hello & Frame & Sample & Timeline>;

describe('GET /api/live', () => {
  let cluster: Cluster;
  let admin: AdminServer;
  let stream: EventStream<LiveData>;

  before(async () => {
    cluster = await newCluster();
    admin = new AdminServer(cluster, { host: '127.0.0.1', port: 0 });
    await admin.start();
    await cluster.start();
  });
  beforeEach(async () => {
    await everyServerUp(cluster);
    stream = await EventStream.open(admin.address.port, '/api/live');
  });
  afterEach(() => stream.close());
  after(async () => {
    await admin.close();
    await cluster.close();
  });

  /** Reads on until an event of this name has data that pass. */
  async function until(name: string, passes: (data: LiveData) => boolean): Promise<LiveData> {
    while (true) {
      const event = await stream.next();
      if (event.name === name && passes(event.data)) return event.data;
    }
  }

  function frameWith(passes: (servers: readonly ServerView[]) => boolean): Promise<LiveData> {
    return until('frame', ({ servers }) => Array.isArray(servers) && passes(servers));
  }

  it('says first what it is about', async () => {
    const hello = await until('hello', () => true);
    expect(hello).to.include({ electionTimeoutMs: TEST_ELECTION_TIMEOUT_MS, heartbeatMs: 50 });
  });

  it('tells what happened before', async () => {
    const { isWhole, events = [] } = await until('timeline', () => true);
    expect(isWhole).to.equal(true);
    expect(events.map(({ type }) => type)).to.include('elected');
  });

  it('shows every server with its log', async () => {
    const leader = await cluster.waitForLeader(WAIT_TIMEOUT_MS);
    const { servers = [] } = await frameWith((views) => views.every(({ seen }) => seen !== undefined));
    expect(servers[leader]?.seen).to.include({ role: 'leader', electionInMs: null });
    for (const { seen } of servers) {
      const entries = seen?.log.terms.reduce((sum, [, count]) => sum + count, 0) ?? 0;
      expect((seen?.log.start ?? 0) + entries).to.equal(seen?.lastIndex);
      expect(seen?.log.byteLengths).to.have.lengthOf(entries);
    }
  });

  it('shows who the members are, and a server that was added', async () => {
    const voters = (wanted: number[]) => (data: LiveData) =>
      JSON.stringify(data.members?.voters) === JSON.stringify(wanted);
    await until('frame', voters([0, 1, 2]));
    await cluster.addServer();
    const { servers = [] } = await until('frame', voters([0, 1, 2, 3]));
    expect(servers.map(({ id }) => id)).to.deep.equal([0, 1, 2, 3]);
    await cluster.removeServer(3);
    await until('frame', (data) => voters([0, 1, 2])(data) && data.servers?.length === 3);
  });

  it('shows heartbeats and their answers', async () => {
    const leader = await cluster.waitForLeader(WAIT_TIMEOUT_MS);
    await until('frame', ({ messages = [] }) =>
      messages.some(({ type, from }) => type === 'AppendEntries' && from === leader),
    );
    await until('frame', ({ messages = [] }) =>
      messages.some(
        ({ type, to, isGranted }) => type === 'AppendEntriesResponse' && to === leader && isGranted === true,
      ),
    );
  });

  it('tells of a death, the election after it, and the restart', async () => {
    const leader = await cluster.waitForLeader(WAIT_TIMEOUT_MS);
    await until('timeline', () => true);
    await cluster.kill(leader);
    const happened = (type: string) => (data: LiveData) =>
      data.events?.some((event) => event.type === type) ?? false;
    await until('timeline', happened('killed'));
    await frameWith((servers) => servers[leader]?.state === 'stopped');
    await cluster.waitForLeader(WAIT_TIMEOUT_MS);
    await cluster.restart(leader);
    await until('timeline', happened('restarted'));
    await frameWith((servers) => servers[leader]?.state === 'running');
  });

  it('tells of a partition, shows what it swallows, and tells when it is over', async () => {
    await cluster.waitForLeader(WAIT_TIMEOUT_MS);
    await cluster.partition([[0], [1, 2]]);
    const { faults } = await until('frame', (data) => (data.faults?.groups.length ?? 0) > 0);
    expect(faults?.groups).to.deep.equal([[0], [1, 2]]);
    await until('frame', ({ messages = [] }) => messages.some(({ isLost }) => isLost));
    await cluster.heal();
    await until('timeline', ({ events = [] }) => events.some(({ type }) => type === 'healed'));
    await until('frame', (data) => data.faults?.groups.length === 0);
  });

  it('shows a server that does not answer as busy', async () => {
    const id = ((await cluster.waitForLeader(WAIT_TIMEOUT_MS)) + 1) % 3;
    const pause = http(admin.address.port, `POST /api/servers/${id}/pause`, { body: '{"durationMs":1500}' });
    await frameWith((servers) => servers[id]?.state === 'busy');
    expect((await pause).status).to.equal(200);
    await frameWith((servers) => servers[id]?.state === 'running');
  });

  it('sums up what was measured', async () => {
    const isWhole = (data: LiveData) => data.servers?.length === 3;
    const { servers = [], mainLoop } = await until('sample', isWhole);
    expect(servers.map(({ id }) => id)).to.deep.equal([0, 1, 2]);
    expect(mainLoop).to.be.within(0, 1);
  });
});

/** A page's connection that takes nothing beyond `highWaterMark` bytes until it is told to. */
class SlowPage extends Writable {
  received = '';
  readonly #waiting: (() => void)[] = [];
  #isReading = false;

  constructor() {
    super({ highWaterMark: 4096, decodeStrings: false });
  }

  writeHead(): void {}

  override _write(chunk: string, _: string, done: () => void): void {
    this.received += chunk;
    if (this.#isReading) done();
    else this.#waiting.push(done);
  }

  read(): void {
    this.#isReading = true;
    for (const done of this.#waiting.splice(0)) done();
  }

  count(event: string): number {
    return this.received.split(`event: ${event}\n`).length - 1;
  }
}

describe('the live feed', () => {
  let cluster: Cluster;
  let feed: LiveFeed;
  const pages: SlowPage[] = [];

  function page(): SlowPage {
    const opened = new SlowPage();
    pages.push(opened);
    feed.open(opened, '127.0.0.1');
    return opened;
  }

  before(async () => {
    cluster = await newCluster({ servers: 1 });
    await cluster.start();
  });
  beforeEach(() => {
    feed = new LiveFeed(cluster, NO_LOAD);
  });
  afterEach(() => {
    for (const opened of pages.splice(0)) opened.destroy();
    feed.close();
  });
  after(() => cluster.close());

  it('keeps little for a page that does not read, and tells it every event later', async () => {
    const slow = page();
    const quick = page();
    quick.read();
    await eventually('the slow page is behind', () => slow.writableNeedDrain);
    const held = slow.writableLength;
    const framesBefore = quick.count('frame');
    for (let time = 0; time < 10; time += 1) await cluster.heal();
    await eventually('frames go on', () => quick.count('frame') >= framesBefore + 3);
    expect(slow.writableLength).to.equal(held);
    expect(quick.received.split('"type":"healed"').length - 1).to.equal(10);
    slow.read();
    await eventually('it has caught up', () => slow.received.split('"type":"healed"').length - 1 === 10);
    const framesThen = slow.count('frame');
    await eventually('it gets frames again', () => slow.count('frame') > framesThen);
  });

  it('remembers a limited number of events', async () => {
    for (let time = 0; time < MAX_LIVE_EVENTS + 10; time += 1) await cluster.heal();
    const reader = page();
    reader.read();
    await eventually('it was told', () => reader.count('timeline') === 1);
    expect(reader.received.split('"type":"healed"').length - 1).to.equal(MAX_LIVE_EVENTS);
  });

  it('refuses more pages than it can serve', () => {
    for (let count = 0; count < MAX_LIVE_READERS; count += 1) page();
    expect(() => page()).to.throw(`${MAX_LIVE_READERS} pages watch already: close one`);
  });

  it('forgets a page that is gone', async () => {
    const reader = page();
    expect(feed.readerCount).to.equal(1);
    reader.destroy();
    await eventually('it is forgotten', () => feed.readerCount === 0);
  });

  it('takes no page whose client left before it was opened', async () => {
    const left = new SlowPage();
    left.destroy();
    await once(left, 'close');
    feed.open(left, '127.0.0.1');
    expect(feed.readerCount).to.equal(0);
  });
});
