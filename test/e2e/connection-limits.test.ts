/** How many clients there may be, and how long they may do nothing. */

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectSecurely, type TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { newAuthority, signedBy } from '../../tools/support/certificates.js';
import { RedisClient } from '../../tools/support/redis-client.js';
import { eventually, TestCluster } from '../support/cluster.js';
import { ownAddress } from '../support/own-address.js';

const MAX_CONNECTIONS = 10;
const TOO_MANY = '-ERR max number of clients reached\r\n';

describe('a cluster with limits for its clients', () => {
  let cluster: TestCluster;
  const sockets: Socket[] = [];

  before(async () => {
    cluster = await TestCluster.start({
      servers: 1,
      host: '0.0.0.0',
      insecure: true,
      maxConnections: MAX_CONNECTIONS,
      idleTimeoutS: 1,
    });
  });

  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
  });

  after(() => cluster.close());

  function router(): number {
    return cluster.cluster.routerAddress?.port ?? 0;
  }

  async function open(host: string): Promise<Socket> {
    const socket = connect(router(), host);
    sockets.push(socket);
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    return socket;
  }

  /** What a connection is told of its own accord until it closes. */
  async function toldTo(socket: Socket): Promise<string> {
    let told = '';
    socket.on('data', (bytes) => {
      told += bytes.toString('latin1');
    });
    await once(socket, 'close');
    return told;
  }

  it('tells one client too many so, and goes on with the others', async () => {
    const client = await RedisClient.connect(router());
    const others: Socket[] = [];
    while (others.length < MAX_CONNECTIONS - 1) others.push(await open('127.0.0.1'));
    expect(await toldTo(await open('127.0.0.1'))).to.equal(TOO_MANY);
    expect(await client.call('PING')).to.deep.equal({ simple: 'PONG' });
    client.close();
  });

  it('leaves an address half of them, so that others can come', async function () {
    const own = ownAddress();
    if (own === undefined) this.skip();
    await eventually('nobody is connected', async () => {
      const { gateway } = await cluster.cluster.measure();
      return gateway.router?.openConnections === 0;
    });
    for (let n = 0; n < MAX_CONNECTIONS / 2; n += 1) await open(own);
    expect(await toldTo(await open(own))).to.equal(TOO_MANY);
    const client = await RedisClient.connect(router());
    expect(await client.call('PING')).to.deep.equal({ simple: 'PONG' });
    client.close();
  });

  it('disconnects a client that neither sends nor waits, and no other', async () => {
    const idle = await open('127.0.0.1');
    const busy = await RedisClient.connect(router());
    const subscriber = await RedisClient.connect(router());
    await subscriber.call('SUBSCRIBE', 'quiet');
    let isOver = false;
    void once(idle, 'close').then(() => {
      isOver = true;
    });
    await eventually('the idle one is disconnected', async () => {
      expect(await busy.call('PING')).to.deep.equal({ simple: 'PONG' });
      return isOver;
    });
    expect(await subscriber.call('PING')).to.deep.equal(['pong', '']);
    subscriber.close();
    busy.close();
  });
});

describe('a cluster with a limit for its clients that speaks TLS', () => {
  it('closes one client too many, and goes on with the others', async () => {
    const authority = await newAuthority();
    const tls = { ...(await signedBy(authority)), ca: undefined };
    const cluster = await TestCluster.start({ servers: 1, tls, maxConnections: 2 });
    const port = cluster.cluster.routerAddress?.port ?? 0;
    const sockets: TLSSocket[] = [];
    const opened = () => {
      const socket = connectSecurely({ port, host: '127.0.0.1', ca: authority.cert });
      sockets.push(socket);
      return socket.on('error', () => undefined);
    };
    try {
      const clients = [opened(), opened()];
      for (const client of clients) await once(client, 'secureConnect');
      const tooMany = opened();
      tooMany.write('PING\r\n');
      let told = '';
      tooMany.on('data', (bytes) => {
        told += bytes;
        tooMany.destroy();
      });
      await new Promise((resolve) => tooMany.once('close', resolve));
      expect(told).to.equal('');
      for (const client of clients) {
        client.write('PING\r\n');
        expect(String(await once(client, 'data'))).to.equal('+PONG\r\n');
      }
    } finally {
      for (const socket of sockets) socket.destroy();
      await cluster.close();
    }
  });
});
