import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectSecurely } from 'node:tls';
import { expect } from 'chai';
import { AdminServer } from '../../src/admin/admin-server.js';
import type { Cluster } from '../../src/cluster/cluster.js';
import type { ClusterOptions } from '../../src/cluster/cluster-options.js';
import { newAuthority, signedBy } from '../../tools/support/certificates.js';
import { WAIT_TIMEOUT_MS } from '../support/cluster.js';
import { newCluster } from '../support/new-cluster.js';

/** As bytes, one character each. Each is read as a longer host, or as another path, by some parser of URLs. */
const HOSTS = [
  '\xfc.\xfc/api/backup?',
  'localhost/api/backup?',
  'localhost/api/backup#',
  'localhost?',
  'localhost#',
  'a@localhost',
  'localhost\\api\\backup?',
  '\xfc',
  '\xc3\xbc.\xc3\xbc',
  'localhost:80/api/backup?',
  'localhost:',
  '[::1]/api/backup?',
  '[::1',
  'local host',
  '',
];

/** Some parser of URLs takes each for /healthz or for a file of the dashboard, or what is such a path for /api/backup. */
const TARGETS = [
  '/healthz/../api/backup',
  '/healthz/..%2fapi/backup',
  '/healthz%2f..%2fapi%2fbackup',
  '/healthz\\..\\api\\backup',
  '/healthz/',
  '/healthz;/api/backup',
  '/HEALTHZ',
  '/%68ealthz',
  '/./healthz',
  '//healthz',
  '//localhost/healthz',
  '/api/backup?/healthz',
  '/api/backup#/healthz',
  '/api/b%61ckup',
  '//api/backup',
  '/../api/backup',
  'http://localhost/api/backup',
  'http://localhost/healthz/../api/backup',
  'http://healthz/api/backup',
  'http://localhost\\healthz/api/backup',
  'HTTP://localhost/api/backup',
  'http:/healthz',
  'healthz',
  '*',
];

describe('nobody gets past the gates of the admin API', () => {
  let cluster: Cluster;
  let admin: AdminServer;
  let open: () => Socket;

  async function start(options: Partial<ClusterOptions>): Promise<void> {
    cluster = await newCluster({ servers: 1, ...options });
    await cluster.start();
    await cluster.waitForLeader(WAIT_TIMEOUT_MS);
    admin = new AdminServer(cluster, { host: '127.0.0.1', port: 0 });
    await admin.start();
  }

  async function stop(): Promise<void> {
    await admin.close();
    await cluster.close();
  }

  /** The status of the answer, with all that came after. */
  async function ask(call: string, host = 'localhost'): Promise<{ status: number; text: string }> {
    const socket = open().setEncoding('latin1');
    let text = '';
    socket
      .on('error', () => undefined)
      .on('data', (more) => {
        text += more;
      });
    socket.write(`${call} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`, 'latin1');
    await once(socket, 'close');
    return { status: Number(/^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1]), text };
  }

  const KINDS: readonly {
    readonly what: string;
    readonly refusal: number;
    readonly start: () => Promise<void>;
  }[] = [
    {
      what: 'without the password',
      refusal: 401,
      start: async () => {
        await start({ password: 'correct-horse' });
        open = () => connect(admin.address.port, '127.0.0.1');
      },
    },
    {
      what: 'without a certificate',
      refusal: 403,
      start: async () => {
        const authority = await newAuthority();
        const certificate = await signedBy(authority);
        await start({ tls: { ...certificate, ca: authority.cert } });
        open = () =>
          connectSecurely({ port: admin.address.port, host: '127.0.0.1', rejectUnauthorized: false });
      },
    },
  ];

  for (const { what, refusal, start: startKind } of KINDS) {
    describe(what, () => {
      before(startKind);
      after(stop);

      for (const host of HOSTS)
        it(`by the host ${JSON.stringify(host)}`, async () => {
          for (const call of ['GET /healthz', 'GET /metrics', 'GET /', 'HEAD /healthz', 'POST /healthz'])
            expect((await ask(call, host)).status, call).to.equal(400);
        });

      for (const target of TARGETS)
        it(`by the target ${JSON.stringify(target)}`, async () => {
          const { status, text } = await ask(`GET ${target}`);
          expect(status, text).to.be.oneOf([400, refusal]);
        });

      it('by another method', async () => {
        for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS'])
          expect((await ask(`${method} /healthz`)).status, method).to.equal(refusal);
      });

      it('and all may ask for its health', async () => {
        for (const target of ['/healthz', '/healthz?', '/healthz?a=/api/backup', 'http://localhost/healthz'])
          for (const host of ['localhost', 'any.name:80', '[::1]:80', '127.0.0.1'])
            expect((await ask(`GET ${target}`, host)).status, `${target} at ${host}`).to.equal(200);
        expect((await ask('HEAD /healthz')).status).to.equal(200);
      });
    });
  }
});
