import { once } from 'node:events';
import { connect } from 'node:net';
import { expect } from 'chai';
import { MAX_BODY_BYTES } from '../../src/admin/admin-limits.js';
import { AdminServer } from '../../src/admin/admin-server.js';
import type { Cluster } from '../../src/cluster/cluster.js';
import { type HttpReply, type HttpRequest, http } from '../../tools/support/http.js';
import { eventually, everyServerUp, WAIT_TIMEOUT_MS } from '../support/cluster.js';
import { newCluster } from '../support/new-cluster.js';

describe('the admin API', () => {
  let cluster: Cluster;
  let admin: AdminServer;

  before(async () => {
    cluster = await newCluster({ advertiseHost: 'Raft.Example' });
    admin = new AdminServer(cluster, { host: '127.0.0.1', port: 0 });
    await admin.start();
    await cluster.start();
  });
  beforeEach(() => everyServerUp(cluster));
  after(async () => {
    await admin.close();
    await cluster.close();
  });

  function ask(call: string, request?: HttpRequest): Promise<HttpReply> {
    return http(admin.address.port, call, request);
  }

  async function follower(): Promise<number> {
    return ((await cluster.waitForLeader(WAIT_TIMEOUT_MS)) + 1) % 3;
  }

  it('tells the status of the cluster', async () => {
    const { status, headers, text } = await ask('GET /api/status');
    expect(status).to.equal(200);
    expect(headers['content-type']).to.equal('application/json; charset=utf-8');
    const { leader, servers } = JSON.parse(text);
    expect(leader).to.equal(cluster.leader);
    expect(servers).to.have.lengthOf(3);
    expect(servers[1]).to.include({ id: 1, state: 'running', ...cluster.serverAddress(1) });
  });

  it('kills and restarts servers, and answers 409 when they are down or run', async () => {
    const id = await follower();
    expect(await ask(`POST /api/servers/${id}/kill`)).to.include({ status: 200, text: '{"ok":true}\n' });
    expect((await cluster.status()).servers[id]?.state).to.equal('stopped');
    const again = await ask(`POST /api/servers/${id}/kill`);
    expect(again.status).to.equal(409);
    expect(JSON.parse(again.text)).to.deep.equal({ error: `server ${id} is not running: restart it first` });
    expect((await ask(`POST /api/servers/${id}/restart`)).status).to.equal(200);
    expect((await cluster.status()).servers[id]?.state).to.equal('running');
    expect((await ask(`POST /api/servers/${id}/restart`)).status).to.equal(409);
  });

  it('hands leadership to a server', async () => {
    const id = await follower();
    expect((await ask(`POST /api/servers/${id}/lead`)).status).to.equal(200);
    expect(cluster.leader).to.equal(id);
  });

  it('partitions and heals', async () => {
    const id = await follower();
    const body = JSON.stringify({ groups: [[id], [0, 1, 2].filter((other) => other !== id)] });
    expect((await ask('POST /api/partition', { body })).status).to.equal(200);
    const role = async () => (await cluster.status()).servers[id]?.role;
    await eventually('it hears of nobody', async () => (await role()) === 'precandidate');
    expect((await ask('POST /api/heal')).status).to.equal(200);
    await eventually('it follows again', async () => (await role()) === 'follower');
  });

  it('disturbs a link', async () => {
    const body = JSON.stringify({ from: 0, to: 1, dropRate: 0.1, delayMs: [5, 20] });
    expect((await ask('POST /api/links', { body })).status).to.equal(200);
    expect((await ask('POST /api/heal')).status).to.equal(200);
  });

  it('is healthy while there is a leader with a quorum, and only then', async () => {
    const id = await follower();
    expect((await ask('GET /healthz')).status).to.equal(200);
    const leader = await cluster.waitForLeader(5_000);
    // The leader last: the two that are left meanwhile could elect another one.
    const others = [...[0, 1, 2].filter((other) => other !== id && other !== leader), leader];
    for (const other of others) await cluster.kill(other);
    expect((await ask('GET /healthz')).status).to.equal(503);
    for (const other of others) await cluster.restart(other);
    await eventually('it is healthy again', async () => (await ask('GET /healthz')).status === 200);
  });

  it('runs commands as a client does', async () => {
    const run = async (command: object) => {
      const { status, text } = await ask('POST /api/command', { body: JSON.stringify(command) });
      return { status, ...JSON.parse(text) };
    };
    const value = 'grüße\r\nVALUE 1';
    expect(await run({ command: 'set', key: 'k', value })).to.include({ status: 200, line: 'OK 1' });
    expect(await run({ command: 'get', key: 'k' })).to.deep.equal({
      status: 200,
      line: 'VALUE 1 0 16',
      value,
    });
    expect(await run({ command: 'cas', key: 'k', value: '', version: 7 })).to.include({
      line: 'ERR_VERSION',
    });
    expect(await run({ command: 'cas', key: 'k', value: '', version: 1, exptimeS: 9 })).to.include({
      line: 'OK 2',
    });
    expect(await run({ command: 'get', key: 'k' })).to.include({ value: '' });
    expect(await run({ command: 'delete', key: 'k' })).to.include({ line: 'DELETED', value: null });
  });

  for (const body of [
    '{"command":"get"}',
    '{"command":"flush","key":"a"}',
    '{"command":"get","key":"a b"}',
    '{"command":"get","key":"a\\r\\nget"}',
    '{"command":"get","key":""}',
    '{"command":"set","key":"a"}',
    '{"command":"set","key":"a","value":"b","exptimeS":-1}',
    '{"command":"cas","key":"a","value":"b"}',
  ]) {
    it(`answers 400 to the command ${body}`, async () => {
      expect((await ask('POST /api/command', { body })).status).to.equal(400);
    });
  }

  it('puts load on the cluster, and takes it away', async () => {
    const clientCount = async () => (await cluster.measure()).gateway.router?.openConnections ?? 0;
    const load = (requestsPerS: number) =>
      ask('POST /api/load', { body: JSON.stringify({ requestsPerS }) }).then(({ status }) => status);
    expect(await load(500)).to.equal(200);
    await eventually(
      'keys are written',
      async () => ((await cluster.measure()).servers.get(0)?.keys ?? 0) > 0,
    );
    await eventually('the clients are there', async () => (await clientCount()) > 0);
    expect(await load(0)).to.equal(200);
    await eventually('the clients are gone', async () => (await clientCount()) === 0);
    expect(await load(-1)).to.equal(400);
  });

  it('answers 400 to a pause without a length', async () => {
    for (const body of ['', '{"durationMs":0}', '{"durationMs":"1"}', '{"durationMs":1e9}'])
      expect((await ask('POST /api/servers/0/pause', { body })).status, body).to.equal(400);
  });

  it('answers HEAD as GET, without the body', async () => {
    for (const path of ['/healthz', '/metrics', '/api/live'])
      expect(await ask(`HEAD ${path}`), path).to.include({ status: 200, text: '' });
  });

  for (const call of ['GET /nothing', 'POST /api/servers/x/kill', 'POST /api/servers/0/dance']) {
    it(`answers 404 to ${call}`, async () => {
      expect((await ask(call)).status).to.equal(404);
    });
  }

  it('answers 404 for a server that is not there', async () => {
    const { status, text } = await ask('POST /api/servers/3/kill');
    expect(status).to.equal(404);
    expect(JSON.parse(text)).to.deep.equal({ error: 'there is no server 3: there are 0, 1, 2' });
  });

  it('answers 405 to a wrong method, and names the right one', async () => {
    const killed = await ask('GET /api/servers/0/kill');
    expect(killed.status).to.equal(405);
    expect(killed.headers.allow).to.equal('POST');
    expect((await ask('DELETE /api/status')).headers.allow).to.equal('GET, HEAD');
  });

  for (const body of [
    '',
    '{',
    'null',
    '[]',
    '{}',
    '{"groups":1}',
    '{"groups":[0,1]}',
    '{"groups":[["0"]]}',
    '{"groups":[[3]]}',
    '{"groups":[[0],[0]]}',
  ]) {
    it(`answers 400 to a partition of ${body || 'nothing'}`, async () => {
      const { status, text } = await ask('POST /api/partition', { body });
      expect(status).to.equal(400);
      expect(JSON.parse(text)).to.have.all.keys('error');
    });
  }

  for (const body of [
    '{"from":0}',
    '{"from":0,"to":"1"}',
    '{"from":0,"to":0}',
    '{"from":0,"to":9}',
    '{"from":0,"to":1,"dropRate":2}',
    '{"from":0,"to":1,"dropRate":"all"}',
    '{"from":0,"to":1,"delayMs":5}',
    '{"from":0,"to":1,"delayMs":[5]}',
    '{"from":0,"to":1,"delayMs":[20,5]}',
    '{"from":0,"to":1,"delayMs":[1,2,3]}',
  ]) {
    it(`answers 400 to the link ${body}`, async () => {
      expect((await ask('POST /api/links', { body })).status).to.equal(400);
    });
  }

  it('answers 413 to a body that is too large', async () => {
    const { status, headers } = await ask('POST /api/partition', { body: ' '.repeat(MAX_BODY_BYTES + 1) });
    expect(status).to.equal(413);
    expect(headers.connection).to.equal('close');
  });

  it('survives what is not HTTP, paths that are none, and clients that leave', async () => {
    for (const bytes of [
      '\0\0\0\r\n\r\n',
      'GET // HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
      'GET http://[ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
    ]) {
      const socket = connect(admin.address.port, '127.0.0.1');
      socket.end(bytes);
      const [reply] = await once(socket, 'data');
      expect(String(reply)).to.match(/^HTTP\/1.1 40[04] /);
    }
    const leaver = connect(admin.address.port, '127.0.0.1');
    leaver.write('POST /api/heal HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{');
    await once(leaver, 'connect');
    leaver.resetAndDestroy();
    expect((await ask('GET /healthz')).status).to.equal(200);
  });

  describe('asked to change something', () => {
    const own = () => `127.0.0.1:${admin.address.port}`;

    it('does so for a page of its own, and under any name of its own', async () => {
      for (const host of [own(), 'localhost', '[::1]:9180', 'raft.example:9180']) {
        const headers = { Host: host, Origin: `http://${host}` };
        expect((await ask('POST /api/heal', { headers })).status, host).to.equal(200);
        expect((await ask('POST /api/heal', { headers: { Host: host } })).status, host).to.equal(200);
      }
    });

    it('refuses pages from elsewhere', async () => {
      for (const origin of ['http://evil.example', 'null', `https://${own()}`, 'http://127.0.0.1:1']) {
        const headers = { Host: own(), Origin: origin };
        expect((await ask('POST /api/heal', { headers })).status, origin).to.equal(403);
      }
    });

    it('refuses pages from elsewhere that only want to look', async () => {
      for (const path of ['/', '/api/status', '/api/live', '/api/backup']) {
        const headers = { Host: 'evil.example' };
        expect((await ask(`GET ${path}`, { headers })).status, path).to.equal(403);
      }
      for (const path of ['/metrics', '/healthz'])
        expect((await ask(`GET ${path}`, { headers: { Host: 'any.example' } })).status, path).to.equal(200);
    });

    it('refuses names that a foreign page may have pointed here', async () => {
      for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example']) {
        const headers = { Host: host, Origin: `http://${host}` };
        expect((await ask('POST /api/heal', { headers })).status, host).to.equal(403);
      }
    });
  });
});

describe('the admin API of a cluster that does not run', () => {
  it('answers 503', async () => {
    const admin = new AdminServer(await newCluster(), { host: '127.0.0.1', port: 0 });
    await admin.start();
    for (const call of ['GET /api/status', 'GET /healthz', 'POST /api/servers/0/kill'])
      expect((await http(admin.address.port, call)).status, call).to.equal(503);
    await admin.close();
  });

  it('does not start on a port that is taken', async () => {
    const admin = new AdminServer(await newCluster(), { host: '127.0.0.1', port: 0 });
    await admin.start();
    const error = await new AdminServer(await newCluster(), admin.address)
      .start()
      .catch((reason: unknown) => reason);
    expect(String(error)).to.include(`127.0.0.1:${admin.address.port} (admin API): the port is in use`);
    await admin.close();
  });
});
