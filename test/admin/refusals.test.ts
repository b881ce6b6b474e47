import { expect } from 'chai';
import { eventually } from '../support/cluster.js';
import { fields, type Reply, TestAdmin } from './support.js';

describe('The admin API refuses', () => {
  let admin: TestAdmin;

  before(async () => {
    admin = await TestAdmin.start();
  });

  after(() => admin.close());

  /** Whatever it was told, it did not lose its head. */
  afterEach(async () => {
    await eventually('it is healthy afterwards', async () => (await admin.get('/healthz')).status === 200);
    expect(admin.cluster.cluster.options.servers).to.equal(3);
  });

  for (const body of [
    '',
    '{',
    'groups=0',
    '{"groups":[[0],[1,2]]',
    'null',
    '[]',
    '"groups"',
    '{}',
    '{"groups":1}',
    '{"groups":[0,1]}',
    '{"groups":[[0],["1"]]}',
    '{"groups":[[0],[1,0]]}',
    '{"groups":[[0,0]]}',
    '{"__proto__":{"groups":[[0]]}}',
  ]) {
    it(`the partition ${body || 'without a body'} with 400`, async () => {
      expectError(await admin.post('/api/partition', body), 400);
    });
  }

  for (const link of [
    {},
    { from: 0 },
    { to: 1 },
    { from: '0', to: 1 },
    { from: 0, to: 0 },
    { from: 0, to: 1, dropRate: 1.1 },
    { from: 0, to: 1, dropRate: -0.1 },
    { from: 0, to: 1, dropRate: '0.5' },
    { from: 0, to: 1, delayMs: 5 },
    { from: 0, to: 1, delayMs: [] },
    { from: 0, to: 1, delayMs: [5] },
    { from: 0, to: 1, delayMs: [5, 6, 7] },
    { from: 0, to: 1, delayMs: [6, 5] },
    { from: 0, to: 1, delayMs: [-1, 5] },
    { from: 0, to: 1, delayMs: ['0', 5] },
    { from: 0, to: 1, delayMs: [0, 60_001] },
  ]) {
    it(`the link ${JSON.stringify(link)} with 400`, async () => {
      expectError(await admin.post('/api/links', link), 400);
    });
  }

  it('a link of infinite delay with 400', async () => {
    expectError(await admin.post('/api/links', '{"from":0,"to":1,"delayMs":[0,1e999]}'), 400);
  });

  for (const path of [
    '/nothing',
    '/api',
    '/api/',
    '/api/statuses',
    '/api/status/',
    '/API/status',
    '/api/servers/0/kill/',
    '/api/servers/-1/kill',
    '/api/servers/one/kill',
    '/api/servers/0/maim',
  ]) {
    it(`the unknown path ${path} with 404, by any method`, async () => {
      expectError(await admin.get(path), 404);
      expectError(await admin.post(path), 404);
      expectError(await admin.call('DELETE', path), 404);
    });
  }

  for (const verb of ['kill', 'restart', 'lead']) {
    it(`to ${verb} a server that does not exist with 404`, async () => {
      for (const id of ['3', '10', '99999999999999999999'])
        expectError(await admin.post(`/api/servers/${id}/${verb}`), 404, `server`);
    });
  }

  it('a partition or a link of a server that does not exist with 400', async () => {
    expectError(await admin.post('/api/partition', { groups: [[0], [3]] }), 400, 'server 3');
    expectError(await admin.post('/api/links', { from: 0, to: 3 }), 400, 'server 3');
    expectError(await admin.post('/api/links', { from: -1, to: 0 }), 400, 'server -1');
  });

  for (const path of ['/api/status', '/healthz']) {
    it(`to change ${path} with 405, and names what is allowed`, async () => {
      for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
        const reply = await admin.call(method, path);
        expectError(reply, 405, method);
        expect(reply.allow, 'the header Allow').to.equal('GET, HEAD');
      }
    });
  }

  for (const path of [
    '/api/servers/0/kill',
    '/api/servers/0/restart',
    '/api/servers/0/lead',
    '/api/partition',
    '/api/links',
    '/api/heal',
  ]) {
    it(`to do ${path} by any method but POST with 405`, async () => {
      for (const method of ['GET', 'PUT', 'DELETE', 'OPTIONS']) {
        const reply = await admin.call(method, path);
        expectError(reply, 405, method);
        expect(reply.allow, 'the header Allow').to.equal('POST');
      }
    });

    it(`to do ${path} for a page from elsewhere with 403`, async () => {
      for (const origin of [
        'http://evil.example',
        'null',
        'http://127.0.0.1',
        `http://127.0.0.1:${admin.port + 1}`,
        `https://127.0.0.1:${admin.port}`,
        `http://127.0.0.1:${admin.port}.evil.example`,
      ])
        expectError(await admin.call('POST', path, '{}', { origin }), 403, origin);
    });
  }

  for (const host of [
    'evil.example',
    'evil.example:9180',
    '127.0.0.1.evil.example',
    'localhost.evil.example',
    '0x7f.1',
    '2130706433',
    '127.1',
  ]) {
    it(`the host "${host}", as a page has it that points its own name here, with 403`, async () => {
      const reply = await admin.send(
        `POST /api/heal HTTP/1.1\r\nHost: ${host}\r\nOrigin: http://${host}\r\nConnection: close\r\n\r\n`,
      );
      expect(reply).to.match(/^HTTP\/1\.1 403 /);
    });
  }

  it('a request that names no host with 403', async () => {
    const reply = await admin.send('POST /api/heal HTTP/1.0\r\n\r\n');
    expect(reply).to.match(/^HTTP\/1\.1 403 /);
    expect(reply).to.not.contain('undefined');
  });

  for (const path of ['/api/status', '/healthz', '/metrics']) {
    it(`a request of HTTP/1.1 for ${path} that names no host with 400, in words`, async () => {
      const reply = await admin.send(`GET ${path} HTTP/1.1\r\nConnection: close\r\n\r\n`);
      expect(reply).to.match(/^HTTP\/1\.1 400 /);
      expect(reply).to.contain('{"error":"the request names no host"}');
    });
  }

  it('an oversized body with 413, and does not wait for its end', async () => {
    const length = 'Content-Length: 1000000000\r\n';
    const reply = await admin.send(
      `POST /api/partition HTTP/1.1\r\nHost: 127.0.0.1\r\n${length}\r\n${'x'.repeat(70_000)}`,
    );
    expect(reply).to.match(/^HTTP\/1\.1 413 /);
    expect(reply).to.contain('"error"');
  });

  it('to kill a server that is down, or to restart one that is up, with 409', async () => {
    expectError(await admin.post('/api/servers/0/restart'), 409, 'server 0 is running');
    expect((await admin.post('/api/servers/0/kill')).status).to.equal(200);
    expectError(await admin.post('/api/servers/0/kill'), 409, 'server 0 is not running');
    expectError(await admin.post('/api/servers/0/lead'), 409, 'server 0 is not running');
    expect((await admin.post('/api/servers/0/restart')).status).to.equal(200);
    await admin.cluster.leader();
  });

  for (const target of [
    ...[
      '/../package.json',
      '/assets/../../package.json',
      '/assets/%2e%2e/%2e%2e/package.json',
      '/..%2fpackage.json',
    ],
    ...['//etc/passwd', '/assets/..\\..\\package.json'],
  ])
    it(`the path ${target}, which leaves its directory`, async () => {
      const reply = await admin.send(
        `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`,
      );
      expect(reply).to.match(/^HTTP\/1\.1 40[04] /);
      expect(reply).not.to.contain('threadraft/');
    });

  for (const target of ['//', 'http://[', 'http://[::1', '*', 'http:']) {
    it(`the target ${target} as one that it does not know`, async () => {
      for (const method of ['GET', 'POST', 'OPTIONS']) {
        const reply = await admin.send(
          `${method} ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`,
        );
        expect(reply, `${method} ${target}`).to.match(/^HTTP\/1\.1 40[04] /);
      }
    });
  }

  it('what is not HTTP', async () => {
    for (const bytes of [
      '\x16\x03\x01\x02\0\r\n\r\n',
      'set k 0 1\r\nv\r\n',
      '*1\r\n$4\r\nPING\r\n',
      '\r\n\r\n\0',
    ])
      expect(await admin.send(bytes)).to.match(/^HTTP\/1\.1 400 /);
  });

  it('to tunnel', async () => {
    expect(await admin.send('CONNECT example.org:80 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')).to.equal('');
  });

  it('nothing else because of requests that broke off', async () => {
    const head = 'POST /api/partition HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n';
    for (const part of ['P', head.slice(0, 40), head, `${head}{"groups":`]) await admin.sendAndReset(part);
    expect((await admin.get('/api/status')).status).to.equal(200);
  });
});

function expectError({ status, type, body }: Reply, expected: number, word = ''): void {
  expect(status, `the status of ${JSON.stringify(body)}`).to.equal(expected);
  expect(type).to.match(/^application\/json/);
  expect([...fields(body).keys()], 'the fields of an error').to.deep.equal(['error']);
  expect(fields(body).get('error')).to.be.a('string').that.contains(word);
}
