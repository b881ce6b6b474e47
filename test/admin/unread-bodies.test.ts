import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import { eventually } from '../support/cluster.js';
import { TestAdmin } from './support.js';

const MIB = 2 ** 20;
const PIECE = Buffer.alloc(MIB, 'x');
/** What the systems of both sides hold of a connection that nobody reads, and more. */
const MAX_TAKEN_MIB = 32;
const HOST = 'Host: localhost\r\n';
const LENGTH = 'Content-Length: 1000000000\r\n';

describe('what comes after a request that was answered, and is no request', () => {
  let admin: TestAdmin;

  before(async () => {
    admin = await TestAdmin.start();
  });

  after(() => admin.close());

  for (const [what, head, status] of [
    ['a body of 1 GB of a request that has none', `GET /healthz HTTP/1.1\r\n${HOST}${LENGTH}\r\n`, 200],
    [
      'a body of 1 GB of a request that is refused',
      `POST /api/heal HTTP/1.1\r\nHost: evil\r\n${LENGTH}\r\n`,
      403,
    ],
    [
      'a body of any length',
      `GET /healthz HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n3b9aca00\r\n`,
      200,
    ],
    ['headers without end', `GET /healthz HTTP/1.1\r\n${HOST}X: `, 431],
  ] as const) {
    it(`is not read, and the connection is closed: ${what}`, async () => {
      const socket = connect({ port: admin.port, host: '127.0.0.1', allowHalfOpen: true });
      let answer = '';
      socket.setEncoding('latin1').on('data', (text: string) => {
        answer += text;
      });
      socket.on('error', () => undefined);
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.write(head);
      const taken = pour(socket);
      await eventually('it is answered', () => answer !== '');
      await closed;
      expect(answer).to.match(new RegExp(`^HTTP/1\\.1 ${status} `));
      expect(taken() / MIB).to.be.below(MAX_TAKEN_MIB);
    });
  }

  it('does not keep the answer from who sends it all first', async () => {
    const body = 'x'.repeat(4 * MIB);
    const reply = await admin.send(
      `POST /api/heal HTTP/1.1\r\n${HOST}Content-Length: ${body.length}\r\n\r\n${body}`,
    );
    expect(reply).to.match(/^HTTP\/1\.1 413 /);
  });
});

/** Sends without end. Returns how many bytes the system has taken so far. */
function pour(socket: Socket): () => number {
  let taken = 0;
  const send = () => {
    if (socket.destroyed) return;
    socket.write(PIECE, (error) => {
      if (error) return;
      taken += PIECE.byteLength;
      send();
    });
  };
  send();
  return () => taken;
}
