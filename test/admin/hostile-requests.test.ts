/** Requests that are read in two ways, are without end, or come in masses: each is refused, and others are served. */

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import { MAX_HEADER_BYTES, MAX_LIVE_READERS } from '../../src/admin/admin-limits.js';
import { Program } from '../../tools/support/program.js';
import { eventually, WAIT_TIMEOUT_MS } from '../support/cluster.js';
import { TestAdmin } from './support.js';

/** What somebody would have a proxy pass as the body, or as a part, of another request. */
const SMUGGLED = 'POST /api/servers/0/kill HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n';
const HEAD = 'POST /api/heal HTTP/1.1\r\nHost: localhost\r\n';
const LENGTH = SMUGGLED.length;
const END_OF_CHUNKS = '0\r\n\r\n';

const AMBIGUOUS: Readonly<Record<string, string>> = {
  'a length and chunks': `${HEAD}Content-Length: ${LENGTH + 5}\r\nTransfer-Encoding: chunked\r\n\r\n${END_OF_CHUNKS}${SMUGGLED}`,
  'chunks and a length': `${HEAD}Transfer-Encoding: chunked\r\nContent-Length: ${LENGTH + 5}\r\n\r\n${END_OF_CHUNKS}${SMUGGLED}`,
  'two lengths': `${HEAD}Content-Length: ${LENGTH}\r\nContent-Length: 0\r\n\r\n${SMUGGLED}`,
  'the same length twice': `${HEAD}Content-Length: ${LENGTH}\r\nContent-Length: ${LENGTH}\r\n\r\n${SMUGGLED}`,
  'a list of lengths': `${HEAD}Content-Length: 0, ${LENGTH}\r\n\r\n${SMUGGLED}`,
  'a length with a sign': `${HEAD}Content-Length: +0\r\n\r\n${SMUGGLED}`,
  'a hexadecimal length': `${HEAD}Content-Length: 0x0\r\n\r\n${SMUGGLED}`,
  'a length beyond all numbers': `${HEAD}Content-Length: 99999999999999999999999\r\n\r\n${SMUGGLED}`,
  'a folded length': `${HEAD}Content-Length:\r\n ${LENGTH}\r\n\r\n${SMUGGLED}`,
  'folded chunks': `${HEAD}Transfer-Encoding:\r\n chunked\r\nContent-Length: ${LENGTH}\r\n\r\n${SMUGGLED}`,
  'a length in a folded line': `${HEAD}X: a\r\n Content-Length: ${LENGTH}\r\nContent-Length: 0\r\n\r\n`,
  'lines that end in LF alone': SMUGGLED.replaceAll('\r\n', '\n'),
  'a header that ends in LF alone': `${HEAD}X: a\nContent-Length: ${LENGTH}\r\n\r\n${SMUGGLED}`,
  'a header that ends in CR alone': `${HEAD}X: a\rContent-Length: ${LENGTH}\r\n\r\n${SMUGGLED}`,
  'a space before the colon': `${HEAD}Content-Length : ${LENGTH}\r\n\r\n${SMUGGLED}`,
  'an unknown encoding': `${HEAD}Transfer-Encoding: xchunked\r\n\r\n${SMUGGLED}`,
  'chunks inside of another encoding': `${HEAD}Transfer-Encoding: chunked, identity\r\n\r\n${END_OF_CHUNKS}${SMUGGLED}`,
  'chunks of HTTP/1.0': `${HEAD.replace('1.1', '1.0')}Transfer-Encoding: chunked\r\n\r\n${END_OF_CHUNKS}${SMUGGLED}`,
  'a chunk of hexadecimal length': `${HEAD}Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n${SMUGGLED}`,
  'a chunk of a length beyond all numbers': `${HEAD}Transfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\n\r\n${SMUGGLED}`,
  'chunks that end in LF alone': `${HEAD}Transfer-Encoding: chunked\r\n\r\n0\n\n${SMUGGLED}`,
  'a chunk’s extension that ends in LF alone': `${HEAD}Transfer-Encoding: chunked\r\n\r\n0;a\n\r\n\r\n${SMUGGLED}`,
  'a header with a zero byte': `${HEAD}X: a\0b\r\n\r\n`,
  'two hosts': `${HEAD}Host: evil.example\r\nConnection: close\r\n\r\n`,
  'a second host after more headers than Node keeps': `${HEAD}${'a:b\r\n'.repeat(2_500)}Host: evil.example\r\nConnection: close\r\n\r\n`,
  'the same host twice': `${HEAD}Host: localhost\r\nConnection: close\r\n\r\n`,
};

describe('The admin API is sent', () => {
  let admin: TestAdmin;
  const sockets: Socket[] = [];

  before(async () => {
    admin = await TestAdmin.start({ servers: 1 });
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    expect((await admin.get('/api/status')).status, 'what others are answered').to.equal(200);
    expect(admin.cluster.cluster.isUp(0), 'whether the server runs').to.equal(true);
  });
  after(() => admin.close());

  /** Sends bytes and stays; returns what tells all that came back. */
  async function open(bytes: string): Promise<() => string> {
    const socket = connect(admin.port, '127.0.0.1').setEncoding('latin1');
    sockets.push(socket);
    let text = '';
    socket
      .on('error', () => undefined)
      .on('data', (more) => {
        text += more;
      });
    await once(socket, 'connect');
    socket.write(bytes, 'latin1');
    return () => text;
  }

  for (const [what, bytes] of Object.entries(AMBIGUOUS))
    it(`${what}: one 400, and the connection is closed`, async () => {
      const reply = await admin.send(bytes);
      expect(reply.match(/^HTTP\/1\.1 \d+/gm)).to.deep.equal(['HTTP/1.1 400']);
    });

  it('a body where none is expected, which is no request', async () => {
    const reply = await admin.send(
      `GET /api/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: ${LENGTH}\r\n\r\n${SMUGGLED}`,
    );
    expect(reply.match(/^HTTP\/1\.1 \d+/gm)).to.deep.equal(['HTTP/1.1 200']);
  });

  it('an expectation that nobody has, which does not keep it from being looked at', async () => {
    const reply = await admin.send(
      `${HEAD}Origin: http://evil.example\r\nExpect: pudding\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
    );
    expect(reply.match(/^HTTP\/1\.1 \d+/gm)).to.deep.equal(['HTTP/1.1 403']);
  });

  /** A request whose line and headers have this many bytes. */
  function withHeaders(bytes: number, end: string): string {
    const start = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX: ';
    return `${start}${'x'.repeat(bytes - start.length)}${end}`;
  }

  it('headers of 1 MB: 431 once they are over 16 KiB, whatever is still to come', async () => {
    expect(MAX_HEADER_BYTES).to.equal(16 * 1024);
    expect(await admin.send(withHeaders(MAX_HEADER_BYTES - 64, '\r\n\r\n'))).to.match(/^HTTP\/1\.1 200 /);
    expect(await admin.send(withHeaders(MAX_HEADER_BYTES + 64, ''))).to.match(/^HTTP\/1\.1 431 /);
  });

  it('more pages that watch than it serves: 503 for those, and for no other call', async () => {
    const live = 'GET /api/live HTTP/1.1\r\nHost: localhost\r\n\r\n';
    const pages = await Promise.all(Array.from({ length: MAX_LIVE_READERS + 8 }, () => open(live)));
    const statuses = () => pages.map((text) => /^HTTP\/1\.1 (\d+)/.exec(text())?.[1]);
    await eventually('each is answered', () => statuses().every((status) => status !== undefined));
    const served = statuses().filter((status) => status === '200');
    expect(served).to.have.length(MAX_LIVE_READERS);
    expect(statuses().filter((status) => status === '503')).to.have.length(8);
    for (const path of ['/api/status', '/healthz']) expect((await admin.get(path)).status).to.equal(200);
    for (const socket of sockets.splice(0)) socket.destroy();
    await eventually('another page is served', async () => {
      const text = await open(live);
      await eventually('it is answered', () => text() !== '');
      return text().startsWith('HTTP/1.1 200 ');
    });
  });
});

describe('The limit of headers', function () {
  this.timeout(2 * WAIT_TIMEOUT_MS);

  it('is the same whatever Node is started with', async () => {
    const nodeFlags = ['--max-http-header-size=65536'];
    const program = await Program.start({ servers: 1, storage: 'memory', nodeFlags });
    try {
      const socket = connect(program.httpPort, '127.0.0.1').setEncoding('latin1');
      socket.write(`GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20 * 1024)}`);
      const [text]: unknown[] = await once(socket, 'data');
      expect(text).to.match(/^HTTP\/1\.1 431 /);
      socket.destroy();
    } finally {
      await program.stop();
    }
  });
});
