import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import { NODE_ENVIRONMENT } from '../../src/environment.js';
import { ClientSocket, PauseReason } from '../../src/gateway/client-socket.js';
import type { SocketEvents } from '../../src/gateway/network.js';
import { NodeNetwork } from '../../src/gateway/node/node-network.js';
import { Slices } from '../../src/gateway/slices.js';
import { UnwrittenSockets } from '../../src/gateway/unwritten-sockets.js';
import { MAX_SLICES_MS_PER_TURN, MAX_UNREAD_REPLY_BYTES, streamLimits } from '../../src/limits.js';
import { IDLE_SOCKET, until } from './support.js';

describe('a client socket', () => {
  const opened: Socket[] = [];
  const clients: ClientSocket[] = [];
  afterEach(() => {
    for (const end of [...opened.splice(0), ...clients.splice(0)]) end.destroy();
  });

  /** Both ends of a connection, the accepted one wrapped. */
  async function pair(onData: (bytes: Uint8Array) => void = () => {}) {
    const handlers = { onData, onInputEnd() {}, onWritten() {}, onGone() {} };
    let accepted: ClientSocket | undefined;
    const listener = await new NodeNetwork().listen({ host: '127.0.0.1', port: 0 }, (socket) => {
      accepted = new ClientSocket(socket, handlers, {
        unwritten: new UnwrittenSockets(NODE_ENVIRONMENT),
        limits: streamLimits(),
        slices: new Slices(NODE_ENVIRONMENT),
      });
    });
    const peer = connect(listener.address);
    const client = await until('a client', () => accepted);
    listener.close();
    opened.push(peer);
    clients.push(client);
    return { peer, client };
  }

  it('is read again only when nobody wants it paused', async () => {
    let byteCount = 0;
    const { peer, client } = await pair((bytes) => {
      byteCount += bytes.byteLength;
    });
    client.pause(PauseReason.ownLimit);
    client.pause(PauseReason.serverFull);
    client.resume(PauseReason.ownLimit);
    expect(client.isPaused).to.equal(true);
    await new Promise<void>((resolve) => peer.write('set a', () => resolve()));
    const other = await pair((bytes) => other.client.write(Buffer.from(bytes)));
    const answered = new Promise((resolve) => other.peer.once('data', resolve));
    other.peer.write('later');
    await answered;
    expect(byteCount).to.equal(0);

    client.resume(PauseReason.serverFull);
    expect(client.isPaused).to.equal(false);
    await until('it is read', () => byteCount === 5);
  });

  it('is closed once it has had the time for the rest of its first line, unless that has come', async () => {
    const timers = new Set<() => void>();
    const environment = {
      startTimer: (callback: () => void) => {
        timers.add(callback);
        return { cancel: () => timers.delete(callback) };
      },
    };
    const [slow, quick] = [await pair(), await pair()];
    for (const { client } of [slow, quick, slow]) client.expectRest(environment);
    expect(timers.size).to.equal(2);
    quick.client.gotRest();
    const closed = new Promise((resolve) => slow.peer.once('close', resolve));
    slow.peer.resume();
    for (const due of timers) due();
    await closed;
    expect(quick.peer.destroyed).to.equal(false);
  });

  it('ends in a later turn when a thousand others end, too', () => {
    const clients = 1_000;
    const msOfEach = 0.1;
    const world = { ...NODE_ENVIRONMENT, ms: 0, turnEnds: [] as (() => void)[], nowMs: () => world.ms };
    world.atEndOfTurn = (callback) => void world.turnEnds.push(callback);
    const shared = {
      unwritten: new UnwrittenSockets(world),
      limits: streamLimits(),
      slices: new Slices(world),
    };
    const told: string[] = [];
    const sockets = Array.from({ length: clients }, (_, number) => {
      const tell = (what: string) => {
        world.ms += msOfEach;
        told.push(`${number} ${what}`);
      };
      let events: SocketEvents | undefined;
      const socket = {
        ...IDLE_SOCKET,
        start: (its: SocketEvents) => {
          events = its;
        },
      };
      const handlers = {
        onData() {},
        onInputEnd: () => tell('end'),
        onWritten() {},
        onGone: () => tell('gone'),
      };
      new ClientSocket(socket, handlers, shared);
      return events;
    });
    for (const events of sockets) events?.onInputEnd();
    for (const events of sockets) events?.onGone();
    const perTurn = [told.length];
    while (world.turnEnds.length > 0) {
      const before = told.length;
      for (const end of world.turnEnds.splice(0)) end();
      perTurn.push(told.length - before);
    }
    expect(told).to.deep.equal(
      ['end', 'gone'].flatMap((what) => sockets.map((_, number) => `${number} ${what}`)),
    );
    expect(Math.max(...perTurn)).to.be.at.most(MAX_SLICES_MS_PER_TURN / msOfEach + 1);
  });

  it('hands out nothing more once it is paused, however much has come', async () => {
    let byteCount = 0;
    let readWhilePaused = 0;
    const { peer, client } = await pair((bytes) => {
      byteCount += bytes.byteLength;
      if (client.isPaused) readWhilePaused += bytes.byteLength;
      client.pause(PauseReason.ownLimit);
      setImmediate(() => client.resume(PauseReason.ownLimit));
    });
    const sent = 4 * 1024 * 1024;
    peer.write(Buffer.alloc(sent));
    await until('all is read', () => byteCount === sent);
    expect(readWhilePaused).to.equal(0);
  });

  it('hands out bytes as they were sent, while others send theirs', async () => {
    const length = 300_000;
    const read = await Promise.all(
      [1, 2, 3].map(async (value) => {
        const copies: Buffer[] = [];
        const { peer } = await pair((bytes) => copies.push(Buffer.from(bytes)));
        peer.write(Buffer.alloc(length, value));
        await until('all is read', () => Buffer.concat(copies).byteLength === length);
        return Buffer.concat(copies).every((byte) => byte === value);
      }),
    );
    expect(read).to.deep.equal([true, true, true]);
  });

  it('is not read while its client leaves too many replies unread', async () => {
    const { peer, client } = await pair();
    peer.pause();
    // The operating system takes some of it, which differs from one to the next.
    await until('a backlog', () => {
      client.write(Buffer.alloc(MAX_UNREAD_REPLY_BYTES));
      client.flush();
      return client.backlogBytes > MAX_UNREAD_REPLY_BYTES;
    });
    expect(client.isPaused).to.equal(true);

    peer.resume();
    await until('the client has read all', () => client.backlogBytes === 0);
    await until('reading goes on', () => !client.isPaused);
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
