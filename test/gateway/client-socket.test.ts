import { connect, createServer, type Socket } from 'node:net';
import { expect } from 'chai';
import { ClientSocket, PauseReason, UnwrittenSockets } from '../../src/gateway/client-socket.js';
import { MAX_UNREAD_REPLY_BYTES } from '../../src/limits.js';
import { until } from './support.js';

describe('a client socket', () => {
  const opened: Socket[] = [];
  afterEach(() => {
    for (const socket of opened.splice(0)) socket.destroy();
  });

  /** Both ends of a connection, the accepted one wrapped. */
  async function pair() {
    const server = createServer({ allowHalfOpen: true });
    const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const bound = server.address();
    if (bound === null || typeof bound === 'string') throw new Error('a TCP address was expected');
    const peer = connect(bound.port, bound.address);
    const socket = await accepted;
    server.close();
    opened.push(peer, socket);
    const handlers = { onData() {}, onInputEnd() {}, onWritten() {}, onGone() {} };
    return { peer, socket, client: new ClientSocket(socket, handlers, new UnwrittenSockets()) };
  }

  it('is read again only when nobody wants it paused', async () => {
    const { socket, client } = await pair();
    client.pause(PauseReason.ownLimit);
    client.pause(PauseReason.serverFull);
    client.resume(PauseReason.ownLimit);
    expect(socket.isPaused()).to.equal(true);
    client.resume(PauseReason.serverFull);
    expect(socket.isPaused()).to.equal(false);
  });

  it('is not read while its client leaves too many replies unread', async () => {
    const { peer, socket, client } = await pair();
    peer.pause();
    // The operating system takes some of it, which differs from one to the next.
    await until('a backlog', () => {
      client.write(Buffer.alloc(MAX_UNREAD_REPLY_BYTES));
      client.flush();
      return client.backlogBytes > MAX_UNREAD_REPLY_BYTES;
    });
    expect(socket.isPaused()).to.equal(true);

    peer.resume();
    await until('the client has read all', () => client.backlogBytes === 0);
    await until('reading goes on', () => !socket.isPaused());
  });

  it('writes what is queued before it ends', async () => {
    const { peer, client } = await pair();
    let read = '';
    peer.on('data', (bytes) => {
      read += bytes.toString();
    });
    client.write(Buffer.from('OK 1\r\n'));
    client.write(Buffer.from('OK 2\r\n'));
    client.end();
    await until('the end', () => peer.destroyed);
    expect(read).to.equal('OK 1\r\nOK 2\r\n');
  });
});
