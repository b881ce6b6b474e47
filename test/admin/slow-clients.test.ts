import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import { MAX_BODY_BYTES } from '../../src/admin/admin-limits.js';
import { AdminServer } from '../../src/admin/admin-server.js';
import type { Cluster } from '../../src/cluster/cluster.js';
import { http } from '../../tools/support/http.js';
import { LogRecorder, newCluster } from '../support/new-cluster.js';

const TIMEOUTS = {
  headersTimeout: 100,
  requestTimeout: 200,
  answerTimeout: 200,
  connectionsCheckingInterval: 20,
};
const POST = 'POST /api/heal HTTP/1.1\r\nHost: localhost\r\n';

describe('the admin API, with a client that sends half a request, or reads no answer', () => {
  let cluster: Cluster;
  let admin: AdminServer;
  let log: LogRecorder;

  before(async () => {
    cluster = await newCluster({ servers: 1 });
    await cluster.start();
  });
  beforeEach(async () => {
    log = new LogRecorder();
    admin = new AdminServer(
      cluster,
      { host: '127.0.0.1', port: 0 },
      { logger: log.logger, timeouts: TIMEOUTS },
    );
    await admin.start();
  });
  afterEach(() => admin.close());
  after(() => cluster.close());

  function send(bytes: string): Socket {
    const socket = connect(admin.address.port, '127.0.0.1').setEncoding('latin1');
    socket.on('error', () => {});
    socket.write(bytes);
    return socket;
  }

  async function replyTo(bytes: string): Promise<string> {
    const socket = send(bytes);
    let reply = '';
    socket.on('data', (text) => {
      reply += text;
    });
    await once(socket, 'close');
    return reply;
  }

  /** Only who writes notices the end of a connection that it does not read. */
  async function closedSeen(socket: Socket): Promise<void> {
    // An error of the socket comes before.
    const closed = new Promise((resolve) => socket.once('close', resolve));
    const writing = setInterval(() => socket.write('\r\n'), 20);
    await closed;
    clearInterval(writing);
  }

  it('closes a connection that never sends anything', async () => {
    expect(await replyTo('')).to.match(/^(?:HTTP\/1\.1 408 |$)/);
  });

  it('closes a connection that does not read its answers', async () => {
    const socket = send('GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(3_000)).pause();
    await closedSeen(socket);
    expect(log.lines).to.deep.equal([]);
  });

  it('closes a connection that does not read its refusals', async () => {
    const socket = send('GET /api/status HTTP/1.1\r\nHost: evil.example\r\n\r\n'.repeat(50_000)).pause();
    await closedSeen(socket);
    expect(log.lines).to.deep.equal([]);
  });

  it('answers 408 when the headers do not end', async () => {
    expect(await replyTo(POST)).to.match(/^HTTP\/1\.1 408 /);
  });

  it('answers 408 when the body does not end', async () => {
    expect(await replyTo(`${POST}Content-Length: 10\r\n\r\n{`)).to.match(/^HTTP\/1\.1 408 /);
    expect(log.lines).to.deep.equal([]);
  });

  it('does not act and logs nothing when the client leaves in mid-body', async () => {
    let healed = 0;
    const stop = cluster.listen(() => {
      healed += 1;
    });
    await oneMoreRequest();
    for (const rest of ['Content-Length: 10\r\n\r\n{', 'Transfer-Encoding: chunked\r\n\r\n5\r\n{']) {
      await leaveAfter(`${POST}${rest}`);
      await oneMoreRequest();
    }
    stop();
    expect(healed).to.equal(0);
    expect(log.lines).to.deep.equal([]);
  });

  it('takes a body in chunks, and refuses one that is too long', async () => {
    const chunked = (body: string) =>
      `POST /api/partition HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
    expect(await replyTo(chunked('{"groups":[[0]]}'))).to.match(/^HTTP\/1\.1 200 /);
    expect(await replyTo(chunked('x'.repeat(MAX_BODY_BYTES + 1)))).to.match(/^HTTP\/1\.1 413 /);
  });

  it('logs nothing when the client leaves in mid-backup', async () => {
    const socket = send('GET /api/backup HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await once(socket, 'data');
    socket.resetAndDestroy();
    await once(socket, 'close');
    await oneMoreRequest();
    expect(log.lines).to.deep.equal([]);
  });

  /** What came in before has been handled by then. */
  async function oneMoreRequest(): Promise<void> {
    expect((await http(admin.address.port, 'GET /healthz')).status).to.equal(200);
  }

  async function leaveAfter(bytes: string): Promise<void> {
    const socket = connect(admin.address.port, '127.0.0.1');
    socket.on('error', () => {});
    await new Promise<void>((resolve) => socket.write(bytes, () => resolve()));
    socket.resetAndDestroy();
    await once(socket, 'close');
  }
});
