import { expect } from 'chai';
import { AdminServer } from '../../src/admin/admin-server.js';
import type { ClusterEnvironment } from '../../src/cluster/cluster-environment.js';
import type { ClusterOptions } from '../../src/cluster/cluster-options.js';
import { freePorts } from '../../tools/support/free-ports.js';
import { eventually, TestCluster, WAIT_TIMEOUT_MS } from '../support/cluster.js';
import { fields, TestAdmin } from './support.js';

describe('The admin API changes the members', function () {
  this.timeout(2 * WAIT_TIMEOUT_MS);
  let admin: TestAdmin;

  afterEach(() => admin.close());

  async function start(
    options: Partial<ClusterOptions> = {},
    environment: ClusterEnvironment = {},
  ): Promise<void> {
    admin = await TestAdmin.start({ electionTimeoutMs: 300, ...options }, environment);
  }

  async function voters(): Promise<unknown> {
    return fields((await admin.get('/api/members')).body).get('voters');
  }

  /** What a call answers with that has added these servers. */
  function done(...ids: number[]): object {
    const added = ids.map((id) => ({ id, ...admin.cluster.cluster.serverAddress(id) }));
    return { status: 200, body: { ok: true, added } };
  }

  it('to exactly those that are named, and tells where the new ones are', async () => {
    await start({ servers: 1 });
    expect(await admin.post('/api/members', { voters: [0, 1, 2] })).to.deep.include(done(1, 2));
    const { status, body } = await admin.get('/api/members');
    expect({ status, body }).to.deep.equal({
      status: 200,
      body: { voters: [0, 1, 2], learners: [], change: null },
    });
    expect(await admin.post('/api/members', { voters: [2] })).to.deep.include(done());
    expect(await voters()).to.deep.equal([2]);
  });

  it('one at a time: adds, replaces and removes', async () => {
    await start({ servers: 2 });
    expect(await admin.post('/api/servers')).to.deep.include(done(2));
    expect(await admin.post('/api/servers/1/replace')).to.deep.include(done(1));
    const { status, body } = await admin.call('DELETE', '/api/servers/0');
    expect({ status, body }).to.deep.equal({ status: 200, body: { ok: true } });
    expect(await voters()).to.deep.equal([1, 2]);
    expect((await admin.post('/api/servers/7/replace')).status).to.equal(404);
    expect((await admin.call('DELETE', '/api/servers/7')).status).to.equal(404);
  });

  it('not by a wrong body, and says what it must be', async () => {
    await start({ servers: 1 });
    for (const body of ['', '{', '[]', '{}', '{"voters":1}', '{"voters":["0"]}', '{"voters":[[0]]}']) {
      const { status, body: answer } = await admin.post('/api/members', body);
      expect(status, body).to.equal(400);
      expect(fields(answer).get('error'), body).to.match(/voters must be a list|not JSON/);
    }
    for (const dataDir of ['', 1, ['x']])
      for (const path of ['/api/servers', '/api/servers/0/replace'])
        expect((await admin.post(path, { dataDir })).status, `${path} ${dataDir}`).to.equal(400);
    expect(await voters()).to.deep.equal([0]);
  });

  it('not to a list that makes no sense, which is 409', async () => {
    await start({ servers: 1 });
    for (const wrong of [[], [0, 0], [9], [-1], [0.5]]) {
      const { status, body } = await admin.post('/api/members', { voters: wrong });
      expect(status, JSON.stringify(body)).to.equal(409);
      expect(fields(body).get('error')).to.match(/^the members must be different ids from 0 to 8/);
    }
    expect((await admin.call('DELETE', '/api/servers/0')).status, 'the only one').to.equal(409);
    expect(await voters()).to.deep.equal([0]);
  });

  it('not while another change is under way, and tells with 503 that it was given up', async () => {
    await start({ servers: 3 }, { catchUpTimeoutMs: 1_000 });
    await admin.post('/api/servers/0/lead');
    await admin.post('/api/partition', { groups: [[0, 2], [1]] });
    const change = admin.post('/api/servers/1/replace');
    await eventually('it learns', async () => {
      const learners = fields((await admin.get('/api/members')).body).get('learners');
      return JSON.stringify(learners) === '[1]';
    });
    for (const call of ['POST /api/servers', 'DELETE /api/servers/2', 'POST /api/servers/2/replace']) {
      const [method = '', path = ''] = call.split(' ');
      const { status, body } = await admin.call(method, path);
      expect(status, call).to.equal(409);
      expect(fields(body).get('error')).to.equal('another change of members is under way: try again');
    }
    const { status, body } = await change;
    expect(status).to.equal(503);
    expect(fields(body).get('error')).to.equal(
      'the change of members was given up: server 1 has not caught up within 1 s',
    );
    expect((await admin.get('/api/members')).body).to.deep.equal({
      voters: [0, 1, 2],
      learners: [],
      change: null,
    });
  });

  it('not without a leader, which is 503', async () => {
    await start({ servers: 3 });
    for (const id of await admin.cluster.followers()) await admin.post(`/api/servers/${id}/kill`);
    await eventually('nobody leads', async () => (await admin.leader()) === null);
    const { status, body } = await admin.post('/api/servers');
    expect(status, JSON.stringify(body)).to.equal(503);
  });

  it('not to a server whose port is the router’s or the admin API’s, and has changed nothing', async () => {
    const port = await freePorts();
    const cluster = await TestCluster.start({ servers: 1, port, routerPort: port + 2 });
    const server = new AdminServer(cluster.cluster, { host: '127.0.0.1', port: port + 4 });
    await server.start();
    admin = TestAdmin.of(cluster, server);
    const before = (await admin.get('/api/members')).body;
    for (const [wanted, reason] of [
      [[0, 1], `server 1 would have port ${port + 2}, which is the router's`],
      [[0, 2], `cannot listen on 127.0.0.1:${port + 4}`],
      [[0, 3, 2], `cannot listen on 127.0.0.1:${port + 4}`],
    ] as const) {
      const { status, body } = await admin.post('/api/members', { voters: wanted });
      expect(status).to.equal(409);
      expect(fields(body).get('error')).to.be.a('string').that.includes(reason);
      expect((await admin.get('/api/members')).body).to.deep.equal(before);
    }
    expect(cluster.cluster.ids).to.deep.equal([0]);
    expect(await admin.post('/api/members', { voters: [0, 3] })).to.deep.include(done(3));
  });
});
