import { expect } from 'chai';
import { eventually } from '../support/cluster.js';
import { fields, list, type Reply, TestAdmin } from './support.js';

const STATUS_FIELDS = [
  'id',
  'state',
  'role',
  'term',
  'votedFor',
  'commitIndex',
  'lastApplied',
  'lastIndex',
  'host',
  'port',
];

describe('The admin API', () => {
  let admin: TestAdmin;

  beforeEach(async () => {
    admin = await TestAdmin.start();
  });

  afterEach(() => admin.close());

  it('tells the status of every server, field by field', async () => {
    const leader = await admin.cluster.leader();
    const client = await admin.cluster.leaderClient();
    await client.set('k', 'v');
    const { status, type, body } = await admin.get('/api/status');
    expect(status).to.equal(200);
    expect(type).to.match(/^application\/json/);
    expect([...fields(body).keys()]).to.have.members(['leader', 'servers']);
    expect(fields(body).get('leader')).to.equal(leader);
    const servers = list(fields(body).get('servers')).map(fields);
    expect(servers).to.have.length(3);
    for (const [id, server] of servers.entries()) {
      expect([...server.keys()], `the fields of server ${id}`).to.have.members(STATUS_FIELDS);
      expect(Object.fromEntries(server)).to.include({
        id,
        state: 'running',
        role: id === leader ? 'leader' : 'follower',
        host: '127.0.0.1',
        port: admin.cluster.cluster.options.port + 2 * id,
      });
    }
    const ofLeader = servers[leader];
    expect(ofLeader?.get('votedFor')).to.equal(leader);
    expect(ofLeader?.get('term')).to.be.a('number').that.is.at.least(1);
    // One for the leader's own first entry, one for the write.
    for (const field of ['commitIndex', 'lastApplied', 'lastIndex'])
      expect(ofLeader?.get(field), field).to.be.a('number').that.is.at.least(2);
  });

  it('is healthy with a leader, and 503 without a quorum, until there is one again', async () => {
    const leader = await admin.cluster.leader();
    expect(await admin.get('/healthz')).to.deep.include({ status: 200, body: { leader } });
    const followers = await admin.cluster.followers();
    for (const id of followers) expectDone(await admin.post(`/api/servers/${id}/kill`));
    await eventually('/healthz says that there is no quorum', async () => {
      const { status, body } = await admin.get('/healthz');
      return status === 503 && typeof fields(body).get('error') === 'string';
    });
    expect(await admin.leader(), 'the leader in the status').to.equal(null);
    expectDone(await admin.post(`/api/servers/${followers[0]}/restart`));
    await eventually('/healthz is 200 again', async () => (await admin.get('/healthz')).status === 200);
  });

  it('kills the leader, whose port refuses clients, and restarts it with what it had', async () => {
    const leader = await admin.cluster.leader();
    const client = await admin.cluster.leaderClient();
    await client.set('k', 'v');
    const before = await admin.server(leader);
    expectDone(await admin.post(`/api/servers/${leader}/kill`));
    await client.closed;
    const down = await admin.server(leader);
    expect(Object.fromEntries(down)).to.include({ state: 'stopped', role: 'follower' });
    expect([...down.keys()], 'the fields of a stopped server').to.have.members(STATUS_FIELDS);
    await expectRejection(admin.cluster.client(leader), 'ECONNREFUSED');
    await eventually('another server leads', async () => {
      const next = await admin.leader();
      return typeof next === 'number' && next !== leader;
    });

    expectDone(await admin.post(`/api/servers/${leader}/restart`));
    const up = await admin.server(leader);
    expect(up.get('state')).to.equal('running');
    expect(up.get('lastIndex'))
      .to.be.a('number')
      .that.is.at.least(Number(before.get('lastIndex')));
    expect(up.get('term'))
      .to.be.a('number')
      .that.is.at.least(Number(before.get('term')));
    const back = await admin.cluster.client(leader);
    expect(await back.get('k'))
      .to.have.property('type')
      .that.does.not.equal('ERR_NOT_FOUND');
  });

  it('keeps a killed server down', async () => {
    const [id] = await admin.cluster.followers();
    expectDone(await admin.post(`/api/servers/${id}/kill`));
    const client = await admin.cluster.leaderClient();
    for (let i = 0; i < 100; i += 1) await client.set('k', `${i}`);
    expect((await admin.server(id ?? 0)).get('state')).to.equal('stopped');
  });

  it('partitions the leader from the others, of whom one leads, and heals', async () => {
    const leader = await admin.cluster.leader();
    const others = await admin.cluster.followers();
    expectDone(await admin.post('/api/partition', { groups: [[leader], others] }));
    await eventually('the majority has a leader', async () => {
      const next = await admin.leader();
      return typeof next === 'number' && next !== leader;
    });
    await eventually('the old leader has noticed', async () => {
      return (await admin.server(leader)).get('role') !== 'leader';
    });
    const client = await admin.cluster.leaderClient();
    expect(await client.set('k', 'v')).to.deep.equal({ type: 'OK', version: 1 });
    const written = Number((await admin.server(await admin.cluster.leader())).get('commitIndex'));
    expect((await admin.server(leader)).get('commitIndex'))
      .to.be.a('number')
      .that.is.below(written);

    expectDone(await admin.post('/api/heal'));
    await eventually('the old leader catches up', async () => {
      return Number((await admin.server(leader)).get('lastApplied')) >= written;
    });
  });

  it('takes servers that are in no group as one more', async () => {
    const leader = await admin.cluster.leader();
    expectDone(await admin.post('/api/partition', { groups: [[leader]] }));
    await eventually('the majority has a leader', async () => {
      const next = await admin.leader();
      return typeof next === 'number' && next !== leader;
    });
  });

  it('replaces a partition by the next one, and an empty one undoes it', async () => {
    const [one, other] = await admin.cluster.followers();
    const leader = await admin.cluster.leader();
    expectDone(await admin.post('/api/partition', { groups: [[one]] }));
    expectDone(await admin.post('/api/partition', { groups: [[other]] }));
    expectDone(await admin.post(`/api/servers/${other}/kill`));
    const client = await admin.cluster.client(leader);
    expect(await client.set('k', 'v'), 'a write with the one that is back').to.include({ type: 'OK' });
    expectDone(await admin.post('/api/partition', { groups: [] }));
    expectDone(await admin.post(`/api/servers/${other}/restart`));
    const written = Number((await admin.server(leader)).get('commitIndex'));
    await eventually('the other one catches up', async () => {
      return Number((await admin.server(other ?? 0)).get('lastApplied')) >= written;
    });
  });

  it('makes the links to a server lose everything, and heals them', async () => {
    const [deaf = 0] = await admin.cluster.followers();
    for (const from of admin.cluster.ids.filter((id) => id !== deaf))
      expectDone(await admin.post('/api/links', { from, to: deaf, dropRate: 1 }));
    const lastHeard = (await admin.server(deaf)).get('lastIndex');
    const client = await admin.cluster.routerClient();
    expect(await client.set('k', 'v')).to.include({ type: 'OK' });
    const written = Number((await admin.server(await admin.cluster.leader())).get('commitIndex'));
    expect((await admin.server(deaf)).get('lastIndex'), 'what the deaf server has').to.equal(lastHeard);
    expect(lastHeard).to.be.a('number').that.is.below(written);

    expectDone(await admin.post('/api/heal'));
    await eventually('the server catches up', async () => {
      return Number((await admin.server(deaf)).get('lastApplied')) >= written;
    });
  });

  it('makes links slow: a write takes the way there and back', async () => {
    for (const from of admin.cluster.ids) {
      for (const to of admin.cluster.ids.filter((id) => id !== from))
        expectDone(await admin.post('/api/links', { from, to, delayMs: [60, 60] }));
    }
    const client = await admin.cluster.routerClient();
    const sentMs = performance.now();
    await client.set('k', 'v');
    expect(performance.now() - sentMs, 'ms until the reply').to.be.at.least(119);
  });

  it('keeps a partition through the restart of a server', async () => {
    const [id = 0] = await admin.cluster.followers();
    expectDone(await admin.post('/api/partition', { groups: [[id]] }));
    expectDone(await admin.post(`/api/servers/${id}/kill`));
    const client = await admin.cluster.leaderClient();
    await client.set('k', 'v');
    const written = Number((await admin.server(await admin.cluster.leader())).get('commitIndex'));
    expectDone(await admin.post(`/api/servers/${id}/restart`));
    await client.set('k', 'v');
    expect((await admin.server(id)).get('lastIndex'))
      .to.be.a('number')
      .that.is.below(written);
  });

  it('hands leadership to every server in turn', async () => {
    const term = () => admin.server(0).then((server) => Number(server.get('term')));
    const first = await term();
    for (const id of admin.cluster.ids) {
      expectDone(await admin.post(`/api/servers/${id}/lead`));
      expect(await admin.leader(), `the leader after /api/servers/${id}/lead`).to.equal(id);
      expect((await admin.server(id)).get('role')).to.equal('leader');
      expect((await admin.get('/healthz')).body).to.deep.equal({ leader: id });
    }
    expect(await term()).to.be.greaterThan(first);
  });

  it('says with 503 that a server it cannot reach does not take over', async () => {
    const [id = 0] = await admin.cluster.followers();
    expectDone(await admin.post('/api/partition', { groups: [[id]] }));
    const { status, body } = await admin.post(`/api/servers/${id}/lead`);
    expect(status, JSON.stringify(body)).to.equal(503);
    expect(fields(body).get('error')).to.be.a('string').that.contains(`server ${id} did not take over`);
    await admin.cluster.leader();
  });

  it('says with 409 that nobody can hand over leadership', async () => {
    const [id = 0, other = 0] = await admin.cluster.followers();
    const leader = await admin.cluster.leader();
    // The leader last: the two that are left meanwhile could elect another one.
    for (const one of [other, leader]) expectDone(await admin.post(`/api/servers/${one}/kill`));
    const { status, body } = await admin.post(`/api/servers/${id}/lead`);
    expect(status, JSON.stringify(body)).to.equal(409);
  });

  it('answers the status while servers come and go', async () => {
    const polls = Array.from({ length: 20 }, async () => {
      for (let i = 0; i < 10; i += 1) expect((await admin.get('/api/status')).status).to.equal(200);
    });
    for (const id of admin.cluster.ids) {
      expectDone(await admin.post(`/api/servers/${id}/kill`));
      expectDone(await admin.post(`/api/servers/${id}/restart`));
    }
    await Promise.all(polls);
  });
});

function expectDone({ status, body }: Reply): void {
  expect(status, `the status of ${JSON.stringify(body)}`).to.equal(200);
  expect(body).to.deep.equal({ ok: true });
}

async function expectRejection(attempt: Promise<unknown>, code: string): Promise<void> {
  const error = await attempt.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error, 'what the attempt was rejected with').to.be.an('error').that.has.property('code', code);
}
